import { parseArgs } from "node:util";
import Table from "cli-table3";
import { wholeNumber } from "../cli/options.ts";
import type { Report } from "../cli/programs.ts";
import { progressOn } from "../cli/progress.ts";
import { inProcessTransport } from "../lib/event-bus/in-process.ts";
import { jetStreamTransport } from "../lib/event-bus/jetstream.ts";
import { startNatsServer } from "../test/contract/event-bus/nats-server.ts";
import { openSandbox } from "../test/support/sandbox.ts";
import { BATCH } from "./event-bus/events.ts";
import { logger, measureBus, measureInserts } from "./event-bus/measure.ts";
import { describeMachine, type Machine, showMachine } from "./machine.ts";
import { medianOf } from "./statistics.ts";

export const summary = "events/s from a full outbox into the history and two consumers, over either transport";

const MAX_EVENTS = 10_000_000;
const MAX_ROUNDS = 100;
/** So many go through first, unmeasured: code gets compiled, caches get filled. */
const WARM_UP = 5_000;
const MAX_CONNECTIONS = 100;

type Way = "plain inserts" | "in process" | "over JetStream";

/** What one way of moving events gave, in events/s. */
interface Figure {
	readonly way: Way;
	readonly median: number;
	readonly slowest: number;
	readonly fastest: number;
	/** The share of the median of plain inserts. */
	readonly ratio: number;
}

/**
 * `--events N --rounds N`: measures plain inserts, the bus in process and the bus over JetStream in turn, on a durable
 * PostgreSQL. The ways take turns because a machine that others use is never the same for long.
 */
export async function run(args: readonly string[]): Promise<Report> {
	const { values } = parseArgs({
		args: [...args],
		options: { events: { type: "string", default: "100000" }, rounds: { type: "string", default: "3" } },
	});
	const events = wholeNumber("--events", values.events, BATCH, MAX_EVENTS);
	const rounds = wholeNumber("--rounds", values.rounds, 1, MAX_ROUNDS);
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", () => openSandbox({ maxConnections: MAX_CONNECTIONS, durable: true }));
	try {
		const nats = await startNatsServer(sandbox);
		const jetStream = (round: number) => jetStreamTransport({ servers: nats.url, namespace: `bench-${round}`, logger });
		const ways: Readonly<Record<Way, (count: number, round: number) => Promise<number>>> = {
			"plain inserts": (count) => measureInserts(count),
			"in process": (count) => measureBus(count, inProcessTransport()),
			"over JetStream": (count, round) => measureBus(count, jetStream(round)),
		};
		const names = Object.keys(ways) as Way[];
		await progress("Warming up", async () => {
			for (const way of names) await ways[way](WARM_UP, 0);
		});
		const rates: Record<Way, number[]> = { "plain inserts": [], "in process": [], "over JetStream": [] };
		for (let round = 1; round <= rounds; round++) {
			for (const way of names) {
				rates[way].push(await progress(`${round}: ${way}`, () => ways[way](events, round)));
			}
		}
		return reportOf(events, figuresOf(rates), await describeMachine());
	} finally {
		await sandbox.remove();
	}
}

function figuresOf(rates: Readonly<Record<Way, readonly number[]>>): Figure[] {
	const baseline = medianOf(rates["plain inserts"]);
	return (Object.keys(rates) as Way[]).map((way) => ({
		way,
		median: Math.round(medianOf(rates[way])),
		slowest: Math.round(Math.min(...rates[way])),
		fastest: Math.round(Math.max(...rates[way])),
		ratio: Number((medianOf(rates[way]) / baseline).toFixed(2)),
	}));
}

function reportOf(events: number, figures: readonly Figure[], machine: Machine): Report {
	const table = new Table({
		head: ["", "events/s", "slowest", "fastest", "of plain inserts"],
		colAligns: ["left", "right", "right", "right", "right"],
		style: { head: [], border: [], compact: true },
	});
	for (const { way, median, slowest, fastest, ratio } of figures) {
		table.push([way, ...[median, slowest, fastest].map((rate) => rate.toLocaleString("en")), ratio.toFixed(2)]);
	}
	const title = `${events.toLocaleString("en")} events, ${BATCH} a commit, into the history and two consumers`;
	return { lines: [title, table.toString(), showMachine(machine)], json: { events, figures, machine }, ok: true };
}
