import { createHash } from "node:crypto";
import { MAX_OFFENCES } from "../invariant.ts";

/** One thing of the state: an order, an account, a position. Its facts stand in one order, as text or numbers. */
export interface Entry {
	readonly key: string;
	readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}

/** The live state beside the one that the log gives, entry by entry. */
export interface Comparison {
	/** Takes the next entry of both, sorted by key; either may be missing. `what` names it where they differ. */
	take(what: string, key: string, live: Entry | undefined, rebuilt: Entry | undefined): void;
	/** Where they differ, the first ones. */
	readonly differences: readonly string[];
	/** SHA-256 of all entries, in hex. */
	hashes(): { readonly live: string; readonly rebuilt: string };
}

/** An empty comparison. */
export function comparison(): Comparison {
	const [live, rebuilt] = [createHash("sha256"), createHash("sha256")];
	const differences: string[] = [];
	return {
		differences,
		take(what, key, has, due) {
			const [hasLine, dueLine] = [has && lineOf(what, key, has), due && lineOf(what, key, due)];
			if (hasLine) live.update(hasLine);
			if (dueLine) rebuilt.update(dueLine);
			if (hasLine !== dueLine && differences.length < MAX_OFFENCES)
				differences.push(`${what} ${key}: ${differenceOf(has, due)}`);
		},
		hashes: () => ({ live: live.copy().digest("hex"), rebuilt: rebuilt.copy().digest("hex") }),
	};
}

function lineOf(what: string, key: string, { facts }: Entry): string {
	return `${JSON.stringify([what, key, ...Object.values(facts)])}\n`;
}

function differenceOf(has: Entry | undefined, due: Entry | undefined): string {
	if (!due) return "the log does not give it";
	if (!has) return "it is missing";
	const wrong = Object.keys(due.facts).filter((fact) => has.facts[fact] !== due.facts[fact]);
	return wrong.map((fact) => `${fact} is ${has.facts[fact]}, the log gives ${due.facts[fact]}`).join("; ");
}
