import { SingleBar } from "cli-progress";

/** Runs a step of a longer work, and may show it. */
export type Progress = <T>(step: string, work: () => Promise<T>) => Promise<T>;

const STEP_WIDTH = 28;
/** How often a bar tells how far it is where there is no terminal. */
const LOG_EVERY_MS = 5_000;

/** Shows each step on `output` with the time it took; on a terminal also while it lasts. */
export function progressOn(output: NodeJS.WriteStream): Progress {
	const finish = (line: string) => output.write(output.isTTY ? `\r\x1b[K${line}` : line);
	return async (step, work) => {
		const startedAt = performance.now();
		if (output.isTTY) output.write(`  … ${step}`);
		try {
			const result = await work();
			const took = Math.round(performance.now() - startedAt);
			finish(`  ✓ ${step.padEnd(STEP_WIDTH)}${String(took).padStart(6)} ms\n`);
			return result;
		} catch (error) {
			finish(`  ✗ ${step}\n`);
			throw error;
		}
	};
}

/** Shows steps on stdout. */
export const shownProgress: Progress = progressOn(process.stdout);

/** Shows nothing. */
export const silentProgress: Progress = (_step, work) => work();

/** Shows on stderr what an operator should know: one or more lines. */
export function showNotice(lines: string): void {
	console.error(`  ! ${lines.replaceAll("\n", "\n    ")}`);
}

/** A bar on stderr that runs up to `total` of what `unit` names. */
export function startBar(total: number, unit: string): SingleBar {
	const bar = new SingleBar({
		format: `  {bar} {percentage} % | {value} of {total} ${unit} | {duration_formatted}`,
		noTTYOutput: true,
		notTTYSchedule: LOG_EVERY_MS,
	});
	bar.start(total, 0);
	return bar;
}
