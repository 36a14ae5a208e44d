import { isSettingError } from "../lib/env.ts";

/** Runs a command to its end; an error that its user can mend is one line, any other comes whole. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
	try {
		await command();
	} catch (error) {
		process.exitCode = 1;
		if (isSettingError(error) || isUsageError(error)) console.error(error.message);
		else console.error(error);
	}
}

/** An error that its message explains in full. */
export function usageError(message: string): Error {
	const error = new Error(message);
	error.name = "UsageError";
	return error;
}

/** Those of `parseArgs` about an option that is unknown or lacks its value are such, too. */
function isUsageError(error: unknown): error is Error {
	if (!(error instanceof Error)) return false;
	return error.name === "UsageError" || ("code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"));
}
