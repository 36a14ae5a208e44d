import type { ServiceBroker } from "moleculer";

/** What was typed behind a command's name: arguments and options by their names, flags as `true`. */
export type Given = Readonly<Record<string, string | true | undefined>>;

/** A command of the REPL beside Moleculer's own; its name may have two words, as in `events tail`. */
export interface ReplCommand {
	readonly name: string;
	/** As commander writes them: `<symbol> [price]`. */
	readonly args?: string;
	readonly description: string;
	/** As commander writes them: `--limit <number>`. */
	readonly options: readonly { readonly option: string; readonly description: string }[];
	/** Prints what it finds; calls through `broker` are the operator's. Rejects with what to tell him. */
	run(broker: ServiceBroker, given: Given): Promise<void>;
}

/** The argument or option of that name as text, or undefined. */
export function textOf(given: Given, name: string): string | undefined {
	const value = given[name];
	return typeof value === "string" && value !== "" ? value : undefined;
}

/** The option of that name as a whole number from 1 to `max`, or `fallback`. */
export function countOf(given: Given, name: string, fallback: number, max: number): number {
	const text = textOf(given, name);
	if (text === undefined) return fallback;
	const count = Number(text);
	if (!Number.isInteger(count) || count < 1 || count > max) throw new Error(`--${name} takes 1 to ${max}`);
	return count;
}
