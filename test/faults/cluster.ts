import { parseArgs } from "node:util";
import { positive, wholeNumber } from "../../cli/options.ts";
import type { Report } from "../../cli/programs.ts";
import { usageError } from "../../cli/run.ts";
import { runCampaign } from "./cluster/campaign.ts";
import { FAULT_NAMES, type FaultName, faultKind } from "./cluster/faults.ts";
import { planFaults } from "./cluster/plan.ts";
import { type Options, reportOf } from "./cluster/report.ts";
import { onScene } from "./cluster/stage.ts";
import { MAX_SEED } from "./report.ts";

export const summary = "orders over HTTP, while every kind of fault befalls a cluster of two nodes each";

const MAX_FAULTS = 10_000;

/** `--faults N --seed S --minutes M --orders-per-second R --every SECONDS --only FAULT,FAULT`. */
export async function run(args: readonly string[]): Promise<Report> {
	const { only, ...options } = readOptions(args);
	const wanted = wantedNames(only);
	const possible = wanted.filter((name) => faultKind(name).impossible === undefined);
	const plan = planFaults(options.seed, options.faults, possible);
	const { outcome, logs } = await onScene(`faults-cluster-${options.seed}`, (scene, traders) =>
		runCampaign({ ...options, plan, traders, scene }),
	);
	const skipped = wanted.filter((name) => !possible.includes(name));
	return reportOf(options, outcome, skipped, logs);
}

/** The faults whose names have one of the comma-separated `words` in them; a word that none has is a mistake. */
function wantedNames(words: string): readonly FaultName[] {
	const asked = words.split(",").map((word) => word.trim());
	const unknown = asked.find((word) => !FAULT_NAMES.some((name) => name.includes(word)));
	if (unknown !== undefined) throw usageError(`--only: no fault is called '${unknown}', but ${FAULT_NAMES.join(", ")}`);
	return FAULT_NAMES.filter((name) => asked.some((word) => name.includes(word)));
}

function readOptions(args: readonly string[]): Options & { readonly only: string } {
	const { values } = parseArgs({
		args: [...args],
		options: {
			faults: { type: "string", default: "50" },
			seed: { type: "string", default: String(Date.now() % MAX_SEED) },
			minutes: { type: "string", default: "30" },
			"orders-per-second": { type: "string", default: "20" },
			every: { type: "string", default: "0" },
			only: { type: "string", default: "" },
		},
	});
	return {
		faults: wholeNumber("--faults", values.faults, 1, MAX_FAULTS),
		seed: wholeNumber("--seed", values.seed, 0, MAX_SEED),
		minutes: positive("--minutes", values.minutes),
		perSecond: positive("--orders-per-second", values["orders-per-second"]),
		every: wholeNumber("--every", values.every, 0, MAX_SEED),
		only: values.only,
	};
}
