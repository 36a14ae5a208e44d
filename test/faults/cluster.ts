import { parseArgs } from "node:util";
import { positive, wholeNumber } from "../../cli/options.ts";
import type { Report } from "../../cli/programs.ts";
import { progressOn } from "../../cli/progress.ts";
import { startNatsServer } from "../contract/event-bus/nats-server.ts";
import { openSandbox } from "../support/sandbox.ts";
import { runCampaign } from "./cluster/campaign.ts";
import { FAULT_NAMES, faultKind } from "./cluster/faults.ts";
import { planFaults } from "./cluster/plan.ts";
import { type Options, reportOf } from "./cluster/report.ts";
import { setScene } from "./cluster/scene.ts";
import { keepLogs } from "./logs.ts";
import { createDatabases, provideTraders } from "./product/stage.ts";
import { MAX_SEED } from "./report.ts";

export const summary = "orders over HTTP, while every kind of fault befalls a cluster of two nodes each";

const MAX_FAULTS = 10_000;
const TRADERS = 12;
/** Two nodes of every service with their pools, what killed ones leave behind, and those who look on. */
const MAX_CONNECTIONS = 500;
const MS_PER_SECOND = 1_000;

/** `--faults N --seed S --minutes M --orders-per-second R --every SECONDS --only FAULT`. */
export async function run(args: readonly string[]): Promise<Report> {
	const { only, ...options } = readOptions(args);
	const wanted = FAULT_NAMES.filter((name) => only === "" || name.includes(only));
	const possible = wanted.filter((name) => faultKind(name).impossible === undefined);
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", () => openSandbox({ maxConnections: MAX_CONNECTIONS, durable: true }));
	try {
		const nats = await startNatsServer(sandbox);
		const databases = await progress("Databases", createDatabases);
		try {
			const traders = await progress("Traders", () => provideTraders(databases, sandbox.folder, TRADERS));
			const scene = await setScene(sandbox, nats, databases);
			const plan = planFaults(options.seed, options.faults, possible);
			const everyMs = options.every * MS_PER_SECOND;
			const outcome = await runCampaign({ ...options, everyMs, plan, traders, scene });
			// What the processes have said matters when something does not hold.
			const bad = outcome.offences.length > 0;
			const logs = bad ? await keepLogs(sandbox, `faults-cluster-${options.seed}`) : null;
			const skipped = wanted.filter((name) => !possible.includes(name));
			return reportOf(options, outcome, skipped, logs);
		} finally {
			for (const { db } of databases.values()) await db.close();
		}
	} finally {
		await sandbox.remove();
	}
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
