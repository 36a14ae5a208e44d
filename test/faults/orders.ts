import { parseArgs } from "node:util";
import { positive, wholeNumber } from "../../cli/options.ts";
import type { Report } from "../../cli/programs.ts";
import { progressOn } from "../../cli/progress.ts";
import { usageError } from "../../cli/run.ts";
import { databaseVariable, type StatefulService } from "../../lib/topology.ts";
import { startNatsServer } from "../contract/event-bus/nats-server.ts";
import type { TestDatabase } from "../support/databases.ts";
import { freePort } from "../support/free-port.ts";
import { httpClient } from "../support/http-client.ts";
import { openSandbox, type Sandbox } from "../support/sandbox.ts";
import { keepLogs } from "./logs.ts";
import { type Outcome, runCampaign } from "./orders/campaign.ts";
import { MODES, processesOf } from "./orders/layout.ts";
import { type Options, reportOf } from "./orders/report.ts";
import { deployment } from "./product/deployment.ts";
import { createDatabases, provideTraders } from "./product/stage.ts";
import { MAX_SEED } from "./report.ts";

export const summary = "orders over HTTP, while whatever carries them out is killed at every step and at random";

const MAX_KILLS = 10_000;
const TRADERS = 12;
/** A process of each service with its pool, what killed ones leave behind, and those who look on. */
const MAX_CONNECTIONS = 300;

/**
 * `--mode cluster|embedded --kills N --seed S --orders-per-second R --verify-every K`: traders ask for R things a
 * second, and after K kills all invariants are checked.
 */
export async function run(args: readonly string[]): Promise<Report> {
	const options = readOptions(args);
	const progress = progressOn(process.stderr);
	// PostgreSQL itself is not killed, so it need not wait for the disk.
	const sandbox = await progress("PostgreSQL", () => openSandbox({ maxConnections: MAX_CONNECTIONS, durable: false }));
	try {
		const databases = await progress("Databases", createDatabases);
		try {
			const outcome = await runOn(sandbox, databases, options);
			// What the processes have said matters when something does not hold.
			const bad = outcome.offences.length > 0;
			return reportOf(options, outcome, bad ? await keepLogs(sandbox, `faults-orders-${options.seed}`) : null);
		} finally {
			for (const { db } of databases.values()) await db.close();
		}
	} finally {
		await sandbox.remove();
	}
}

function readOptions(args: readonly string[]): Options {
	const { values } = parseArgs({
		args: [...args],
		options: {
			mode: { type: "string", default: "cluster" },
			kills: { type: "string", default: "100" },
			seed: { type: "string", default: String(Date.now() % MAX_SEED) },
			"orders-per-second": { type: "string", default: "20" },
			"verify-every": { type: "string", default: "25" },
		},
	});
	const mode = MODES.find((name) => name === values.mode);
	if (!mode) throw usageError(`--mode must be ${MODES.join(" or ")}, not '${values.mode}'`);
	return {
		mode,
		kills: wholeNumber("--kills", values.kills, 1, MAX_KILLS),
		seed: wholeNumber("--seed", values.seed, 0, MAX_SEED),
		perSecond: positive("--orders-per-second", values["orders-per-second"]),
		verifyEvery: wholeNumber("--verify-every", values["verify-every"], 1, MAX_KILLS),
	};
}

async function runOn(
	sandbox: Sandbox,
	databases: ReadonlyMap<StatefulService, TestDatabase>,
	options: Options,
): Promise<Outcome> {
	const traders = await progressOn(process.stderr)("Traders", () => provideTraders(databases, sandbox.folder, TRADERS));
	const nats = options.mode === "cluster" ? await startNatsServer(sandbox) : null;
	const port = String(await freePort());
	const urls = [...databases].map(([service, { url }]) => [databaseVariable(service), url]);
	const shared = {
		...Object.fromEntries(urls),
		TRANSPORTER: nats?.url ?? "",
		NAMESPACE: "faults",
		DATA_DIR: sandbox.folder,
		PORT: port,
		LOG_LEVEL: "warn",
	};
	return runCampaign({
		...options,
		traders,
		deployment: deployment(sandbox, processesOf(options.mode, shared)),
		send: httpClient(`http://127.0.0.1:${port}`),
		urlOf: (service) => databases.get(service)?.url ?? "",
	});
}
