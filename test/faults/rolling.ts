import { parseArgs } from "node:util";
import { positive, wholeNumber } from "../../cli/options.ts";
import type { Report } from "../../cli/programs.ts";
import { runRolling } from "./cluster/rolling.ts";
import { onScene } from "./cluster/stage.ts";
import { settledBy } from "./product/client-log.ts";
import { listed, MAX_SEED } from "./report.ts";

export const summary = "every process of a cluster restarted by SIGTERM, one after the other, without a failed request";

/** `--seed S --orders-per-second R`. */
export async function run(args: readonly string[]): Promise<Report> {
	const { values } = parseArgs({
		args: [...args],
		options: {
			seed: { type: "string", default: String(Date.now() % MAX_SEED) },
			"orders-per-second": { type: "string", default: "50" },
		},
	});
	const seed = wholeNumber("--seed", values.seed, 0, MAX_SEED);
	const perSecond = positive("--orders-per-second", values["orders-per-second"]);
	const { outcome, logs } = await onScene(`faults-rolling-${seed}`, (scene, traders) =>
		runRolling({ scene, traders, seed, perSecond }),
	);
	const { restarted, log, tookMs, offences } = outcome;
	const failed = log.filter((entry) => entry.answers.length !== 1 || !settledBy(entry)).length;
	const line = (title: string, text: string | number) => `  ${title.padEnd(14)} ${text}`;
	return {
		lines: [
			`${restarted.length} processes restarted one after the other in ${(tookMs / 1_000).toFixed(1)} s`,
			line("requests", log.length),
			line("failed", `${failed}, none of which is tried again before it counts`),
			line("again", `npm run faults -- rolling --seed ${seed} --orders-per-second ${perSecond}`),
			...listed(
				offences.map(({ kind, what }) => `${kind}: ${what}`),
				"Every request was answered as if nothing had happened; every invariant holds.",
				logs,
			),
		],
		json: { seed, perSecond, restarted, requests: log.length, failed, took_s: tookMs / 1_000, offences },
		ok: offences.length === 0,
	};
}
