import { progressOn, startBar } from "../../../cli/progress.ts";
import type { NatsServer } from "../../contract/event-bus/nats-server.ts";
import type { Sandbox } from "../../support/sandbox.ts";
import { until } from "../../support/until.ts";
import { findOffences } from "./check.ts";
import { startCluster } from "./cluster.ts";
import type { Databases } from "./databases.ts";
import { drained } from "./drain.ts";
import { type Inflictor, inflictor } from "./inflictor.ts";
import { SOURCE_NAMES } from "./layout.ts";
import { type Fault, planFaults } from "./plan.ts";
import { toldBy } from "./teller.ts";

interface CampaignOptions {
	readonly events: number;
	readonly kills: number;
	readonly seed: number;
	readonly minutes: number;
	readonly sandbox: Sandbox;
	readonly nats: NatsServer;
	readonly databases: Databases;
}

/** What came of a campaign. */
export interface Outcome {
	/** Those that were inflicted, and healed. */
	readonly faults: readonly Fault[];
	/** From when the cluster worked until the last event was told and the last fault had healed. */
	readonly tellingMs: number;
	/** From then until nothing was under way any more. */
	readonly drainMs: number;
	readonly offences: readonly string[];
}

const POLL_MS = 100;
/** A slow machine is given so many times the minutes that telling should take, and then this. */
const PATIENCE_FACTOR = 3;
const PATIENCE_MS = 60_000;
/** What is not drained by then never will be. How long it does take depends on the machine, and is reported. */
const DRAIN_LIMIT_MS = 180_000;

/** Runs the cluster while events are told and faults befall it, lets it heal and drain, and checks what is there. */
export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
	const { events, minutes, databases, nats } = options;
	const perSecond = events / SOURCE_NAMES.length / (minutes * 60);
	const cluster = await progressOn(process.stderr)("Nodes", () => startCluster({ ...options, perSecond }));
	const failures: string[] = [];
	const note = (what: string) => (error: unknown) => void failures.push(`${what}: ${String(error).split("\n")[0]}`);
	try {
		const startedAt = performance.now();
		const faults = inflictor(cluster, nats, note);
		await tell(options, faults).catch(note("the events were not told"));
		await faults.healed();
		const healedAt = performance.now();
		await drained(nats.url, databases, events, DRAIN_LIMIT_MS).catch(note("the events were not drained"));
		const drainedAt = performance.now();
		await cluster.stop();
		return {
			faults: faults.inflicted,
			tellingMs: healedAt - startedAt,
			drainMs: drainedAt - healedAt,
			offences: [...failures, ...cluster.accidents, ...(await findOffences(databases))],
		};
	} finally {
		await cluster.stop();
	}
}

/** Resolves when all events are told. Each fault comes when its part of them is. */
async function tell({ events, kills, seed, minutes, databases }: CampaignOptions, faults: Inflictor): Promise<void> {
	const upcoming = [...planFaults(seed, kills)];
	const bar = startBar(events, "events told");
	let told = 0;
	const allTold = async () => {
		told = await toldByAll(databases).catch(() => told); // when the database is too busy, it is asked again
		bar.update(told);
		while (upcoming[0] && upcoming[0].at * events <= told) faults.inflict(upcoming.shift() as Fault);
		return told >= events;
	};
	try {
		await until(allTold, minutes * 60_000 * PATIENCE_FACTOR + PATIENCE_MS, POLL_MS);
	} finally {
		bar.stop();
	}
}

async function toldByAll(databases: Databases): Promise<number> {
	const told = await Promise.all(SOURCE_NAMES.map((source) => toldBy(databases[source].db)));
	return told.reduce((sum, count) => sum + count, 0);
}
