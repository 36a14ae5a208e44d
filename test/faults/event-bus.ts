import { parseArgs } from "node:util";
import { positive, wholeNumber } from "../../cli/options.ts";
import type { Report } from "../../cli/programs.ts";
import { progressOn } from "../../cli/progress.ts";
import { startNatsServer } from "../contract/event-bus/nats-server.ts";
import { openSandbox } from "../support/sandbox.ts";
import { type Outcome, runCampaign } from "./event-bus/campaign.ts";
import { createDatabases } from "./event-bus/databases.ts";
import type { Fault } from "./event-bus/plan.ts";
import { keepLogs } from "./logs.ts";
import { listed, MAX_SEED } from "./report.ts";

export const summary = "events from outboxes into the history and two consumers, while all that carries them is killed";

const MIN_EVENTS = 1_000;
const MAX_EVENTS = 10_000_000;
const MAX_KILLS = 10_000;
/** Two nodes of five services with their pools, and what killed ones leave behind. */
const MAX_CONNECTIONS = 250;

interface Options {
	readonly events: number;
	readonly kills: number;
	readonly seed: number;
	readonly minutes: number;
}

/** `--events N --kills N --seed S --minutes M`: the faults come while the events are told, which takes M minutes. */
export async function run(args: readonly string[]): Promise<Report> {
	const options = readOptions(args);
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", () => openSandbox({ maxConnections: MAX_CONNECTIONS, durable: true }));
	try {
		const nats = await startNatsServer(sandbox);
		const databases = await progress("Databases", () => createDatabases(options.events));
		try {
			const outcome = await runCampaign({ ...options, sandbox, nats, databases });
			// What the nodes have said matters when something does not hold.
			const bad = outcome.offences.length > 0;
			return reportOf(options, outcome, bad ? await keepLogs(sandbox, `faults-event-bus-${options.seed}`) : null);
		} finally {
			for (const database of Object.values(databases)) await database.drop();
		}
	} finally {
		await sandbox.remove();
	}
}

function readOptions(args: readonly string[]): Options {
	const { values } = parseArgs({
		args: [...args],
		options: {
			events: { type: "string", default: "100000" },
			kills: { type: "string", default: "20" },
			seed: { type: "string", default: String(Date.now() % MAX_SEED) },
			minutes: { type: "string", default: "0.75" },
		},
	});
	return {
		events: wholeNumber("--events", values.events, MIN_EVENTS, MAX_EVENTS),
		kills: wholeNumber("--kills", values.kills, 0, MAX_KILLS),
		seed: wholeNumber("--seed", values.seed, 0, MAX_SEED),
		minutes: positive("--minutes", values.minutes),
	};
}

function reportOf({ events, kills, seed, minutes }: Options, outcome: Outcome, logs: string | null): Report {
	const { faults, tellingMs, drainMs, offences } = outcome;
	const [tellingS, drainS] = [tellingMs / 1_000, drainMs / 1_000];
	const perSecond = Math.round(events / (tellingS + drainS));
	const repeat = `npm run faults -- event-bus --events ${events} --kills ${kills} --seed ${seed} --minutes ${minutes}`;
	return {
		lines: [
			`${events.toLocaleString("en")} events through outbox, JetStream, history and two consumers`,
			`  kill -9        ${count(faults, "kill")}`,
			`  SIGSTOP        ${count(faults, "pause")}`,
			`  store deleted  ${count(faults, "wipe")}`,
			`  told in        ${tellingS.toFixed(1)} s, drained ${drainS.toFixed(1)} s after the last fault had healed`,
			`  events/s       ${perSecond.toLocaleString("en")} over the whole`,
			`  again          ${repeat}`,
			...listed(offences, "The history is the union of the outboxes, every event took effect once and in order.", logs),
		],
		json: {
			events,
			seed,
			faults: Object.fromEntries((["kill", "pause", "wipe"] as const).map((kind) => [kind, byTarget(faults, kind)])),
			telling_s: tellingS,
			drain_s: drainS,
			events_per_s: perSecond,
			offences,
		},
		ok: offences.length === 0,
	};
}

function byTarget(faults: readonly Fault[], kind: Fault["kind"]): Readonly<Record<string, number>> {
	const targets = faults.filter((fault) => fault.kind === kind).map(({ target }) => target);
	return Object.fromEntries(
		[...new Set(targets)].sort().map((t) => [t, targets.filter((other) => other === t).length]),
	);
}

function count(faults: readonly Fault[], kind: Fault["kind"]): string {
	const targets = Object.entries(byTarget(faults, kind));
	const sum = targets.reduce((total, [, times]) => total + times, 0);
	return `${sum}: ${targets.map(([target, times]) => `${target} ${times}`).join(", ")}`;
}
