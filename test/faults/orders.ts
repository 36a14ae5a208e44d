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
import { settledBy } from "./orders/client-log.ts";
import { deployment } from "./orders/deployment.ts";
import type { Killed } from "./orders/executioner.ts";
import { MODES, type Mode } from "./orders/layout.ts";
import { createDatabases, provideTraders } from "./orders/stage.ts";
import { listed, MAX_SEED } from "./report.ts";

export const summary = "orders over HTTP, while whatever carries them out is killed at every step and at random";

const MAX_KILLS = 10_000;
const TRADERS = 12;
/** A process of each service with its pool, what killed ones leave behind, and those who look on. */
const MAX_CONNECTIONS = 300;

interface Options {
	readonly mode: Mode;
	readonly kills: number;
	readonly seed: number;
	readonly perSecond: number;
}

/** `--mode cluster|embedded --kills N --seed S --orders-per-second R`: traders ask for R things a second. */
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
		},
	});
	const mode = MODES.find((name) => name === values.mode);
	if (!mode) throw usageError(`--mode must be ${MODES.join(" or ")}, not '${values.mode}'`);
	return {
		mode,
		kills: wholeNumber("--kills", values.kills, 1, MAX_KILLS),
		seed: wholeNumber("--seed", values.seed, 0, MAX_SEED),
		perSecond: positive("--orders-per-second", values["orders-per-second"]),
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
	const settings = {
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
		deployment: deployment({ mode: options.mode, sandbox, settings }),
		send: httpClient(`http://127.0.0.1:${port}`),
		urlOf: (service) => databases.get(service)?.url ?? "",
	});
}

function reportOf({ mode, kills, seed, perSecond }: Options, outcome: Outcome, logs: string | null): Report {
	const { killed, log, tookMs, verifications, offences } = outcome;
	const recoveries = killed.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
	const [p50, p95, max] = [0.5, 0.95, 1].map((part) => Math.round(quantile(recoveries, part)));
	const sent = log.reduce((sum, { answers }) => sum + answers.length, 0);
	const atOnce = log.filter((entry) => entry.answers.length === 1 && settledBy(entry)).length;
	const availability = log.length === 0 ? 0 : atOnce / log.length;
	const of = (kind: string) => offences.filter((offence) => offence.kind === kind).length;
	const [unsettled, lost, doubled] = [of("unsettled"), of("lost"), of("doubled")];
	const requests = counts(log.map(({ asked }) => asked.kind));
	const repeat = `npm run faults -- orders --mode ${mode} --kills ${kills} --seed ${seed} --orders-per-second ${perSecond}`;
	return {
		lines: [
			`${killed.length} kills (${mode}) while ${TRADERS} traders trade for ${(tookMs / 1_000).toFixed(1)} s`,
			...shownCounts("killed", counts(killed.map(({ target }) => target))),
			...shownCounts("at", counts(killed.map(placeOf))),
			...shownCounts("requests", requests),
			`  sent           ${sent} times in all, ${sent - log.length} of them again; ${(availability * 100).toFixed(1)} % were settled at once`,
			`  never settled  ${unsettled}`,
			`  lost           ${lost}`,
			`  doubled        ${doubled}`,
			`  recovery       after ${recoveries.length} kills without another: P50 ${p50} ms, P95 ${p95} ms, at most ${max} ms`,
			`  invariants     checked ${verifications} times`,
			`  again          ${repeat}`,
			...listed(
				offences.map(({ kind, what }) => `${kind}: ${what}`),
				"Every order that was acknowledged is there once, as it was acknowledged; every invariant holds.",
				logs,
			),
		],
		json: {
			mode,
			seed,
			kills: killed.map((kill) => ({ target: kill.target, at: placeOf(kill), recovery_ms: kill.recoveryMs })),
			requests,
			sent,
			availability,
			unsettled,
			lost,
			doubled,
			recovery_ms: { p50, p95, max },
			took_s: tookMs / 1_000,
			verifications,
			offences,
		},
		ok: offences.length === 0,
	};
}

function placeOf({ at }: Killed): string {
	return at?.name ?? "random";
}

function counts(names: readonly string[]): Readonly<Record<string, number>> {
	const sorted = [...Map.groupBy(names, (name) => name)].sort(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(sorted.map(([name, same]) => [name, same.length]));
}

function shownCounts(title: string, numbers: Readonly<Record<string, number>>): string[] {
	const items = Object.entries(numbers).map(([name, count]) => `${name} ${count}`);
	return [`  ${title.padEnd(14)} ${items.join(", ")}`];
}

function quantile(sorted: readonly number[], part: number): number {
	return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}
