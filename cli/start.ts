import { env } from "../lib/env.ts";
import { type Embedded, startEmbedded } from "./embedded.ts";
import { type Progress, shownProgress } from "./progress.ts";
import { runCommand, usageError } from "./run.ts";
import { onStopAsked } from "./stop.ts";
import { demoLines } from "./welcome.ts";

await runCommand(async () => {
	const { dataDir, transporter } = env();
	if (transporter) {
		throw usageError(
			"'npm start' runs everything in one process, without TRANSPORTER: 'npm run service' joins a cluster",
		);
	}
	console.log(`AutoGrowthTrading starts, data in ${dataDir}`);
	const { stopAsked } = onStopAsked();
	const progress: Progress = (step, work) => {
		stopAsked.throwIfAborted();
		return shownProgress(step, work);
	};
	const embedded = await startEmbedded(progress);
	console.log(welcome(embedded, performance.now()));

	if (!stopAsked.aborted) await new Promise((resolve) => stopAsked.addEventListener("abort", resolve));
	await shownProgress("Stopping", embedded.stop);
	process.exit(0);
});

function welcome({ url, demoUsers }: Embedded, tookMs: number): string {
	return [
		"",
		`Ready after ${(tookMs / 1000).toFixed(1)} s`,
		"",
		`  API  ${url}`,
		"",
		...(demoUsers ? demoLines(url, demoUsers) : []),
		"  npm run verify   checks every balance, order and event",
		"  npm run repl     looks inside",
		"  Ctrl-C           stops",
		"",
	].join("\n");
}
