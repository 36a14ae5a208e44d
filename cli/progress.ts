/** Runs a step of a longer work, and may show it. */
export type Progress = <T>(step: string, work: () => Promise<T>) => Promise<T>;

const STEP_WIDTH = 28;

/** Shows each step with the time it took; on a terminal also while it lasts. */
export const shownProgress: Progress = async (step, work) => {
	const startedAt = performance.now();
	if (process.stdout.isTTY) process.stdout.write(`  … ${step}`);
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

/** Shows nothing. */
export const silentProgress: Progress = (_step, work) => work();

function finish(line: string): void {
	process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : line);
}
