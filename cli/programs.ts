import { runCommand, usageError } from "./run.ts";

/** What a program found. */
export interface Report {
	/** For people. */
	readonly lines: readonly string[];
	/** The same for programs. */
	readonly json: object;
	/** False when something does not hold that must: the command then ends with exit code 1. */
	readonly ok: boolean;
}

/** One of several programs under the same command. Its progress goes to stderr. */
export interface Program {
	/** A line for the list of them. */
	readonly summary: string;
	run(args: readonly string[]): Promise<Report>;
}

/**
 * Runs the program that the command line names, and prints what it found: as JSON and nothing else with `--json`.
 * Options without a name are those of `unnamed`.
 */
export async function runProgram(
	command: string,
	programs: Readonly<Record<string, Program>>,
	unnamed?: string,
): Promise<void> {
	await runCommand(async () => {
		const given = process.argv.slice(2);
		const named = given.filter((arg) => arg !== "--json");
		const [name = "", ...args] = unnamed && named[0]?.startsWith("--") ? [unnamed, ...named] : named;
		const program = Object.hasOwn(programs, name) ? programs[name] : undefined;
		if (!program) throw usageError(usage(command, programs));
		const { lines, json, ok } = await program.run(args);
		console.log(given.includes("--json") ? JSON.stringify(json) : lines.join("\n"));
		if (!ok) process.exitCode = 1;
	});
}

function usage(command: string, programs: Readonly<Record<string, Program>>): string {
	const width = Math.max(...Object.keys(programs).map((name) => name.length));
	const list = Object.entries(programs).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
	return [`npm run ${command} -- NAME [--json] [options]`, "", ...list].join("\n");
}
