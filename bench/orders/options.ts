import { parseArgs } from "node:util";
import { wholeNumber } from "../../cli/options.ts";

/** How long and how often each load is sent. */
export interface Lengths {
	readonly seconds: number;
	readonly rounds: number;
}

const MAX_SECONDS = 600;
const MAX_ROUNDS = 20;

/** Reads `--seconds N --rounds N`. */
export function readLengths(args: readonly string[]): Lengths {
	const { values } = parseArgs({
		args: [...args],
		options: { seconds: { type: "string", default: "10" }, rounds: { type: "string", default: "3" } },
	});
	return {
		seconds: wholeNumber("--seconds", values.seconds, 1, MAX_SECONDS),
		rounds: wholeNumber("--rounds", values.rounds, 1, MAX_ROUNDS),
	};
}
