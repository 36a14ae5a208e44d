import { parseArgs } from "node:util";
import Table from "cli-table3";
import { wholeNumber } from "../cli/options.ts";
import type { Report } from "../cli/programs.ts";
import { type Progress, progressOn } from "../cli/progress.ts";
import { freePort } from "../test/support/free-port.ts";
import { openSandbox } from "../test/support/sandbox.ts";
import { describeMachine, showMachine } from "./machine.ts";
import type { Child } from "./orders/children.ts";
import { sendLoad, type Traffic } from "./orders/load.ts";
import { startProduct } from "./orders/start-product.ts";
import { orderTraffic, type ProductTold } from "./orders/traffic.ts";
import { medianOf } from "./statistics.ts";

export const summary = "POST /api/orders over HTTP with metrics beside without";

const CONNECTIONS = 64;
const MAX_SECONDS = 600;
const MAX_ROUNDS = 100;
/** Pools of two processes. */
const MAX_DATABASE_CONNECTIONS = 300;
/** Until the code that runs most is compiled. */
const WARM_UP_S = 6;
/** Much oftener than Prometheus would. */
const SCRAPE_EVERY_MS = 1_000;
const LEAST_RATIO = 0.9;

/** One of the two processes, and how many orders it has been sent. */
interface Side {
	readonly product: Child<ProductTold>;
	readonly traffic: Traffic;
	sent: number;
}

/** What a side did in a round. */
interface Load {
	readonly per_s: number;
	/** Of its process, without PostgreSQL. */
	readonly cpu_ms_per_order: number;
}

interface Round {
	readonly without: Load;
	readonly with: Load;
	/** Of the rates, and of the CPU time: that says the same with less noise of other programs. */
	readonly ratio: number;
	readonly cpu_ratio: number;
}

/**
 * `--seconds N --rounds N`: the same orders in turn to a process with metrics, which is scraped meanwhile, and to one
 * without. Fails when the first takes less than 0.9 of what the other does, or has not counted each order.
 */
export async function run(args: readonly string[]): Promise<Report> {
	const { values } = parseArgs({
		args: [...args],
		options: { seconds: { type: "string", default: "2" }, rounds: { type: "string", default: "15" } },
	});
	const seconds = wholeNumber("--seconds", values.seconds, 1, MAX_SECONDS);
	const rounds = wholeNumber("--rounds", values.rounds, 1, MAX_ROUNDS);
	const progress = progressOn(process.stderr);
	const open = () => openSandbox({ maxConnections: MAX_DATABASE_CONNECTIONS, durable: true });
	const sandbox = await progress("PostgreSQL", open);
	try {
		const port = String(await freePort());
		const sideOf = async (product: Child<ProductTold>): Promise<Side> => {
			return { product, traffic: await orderTraffic(product.told), sent: 0 };
		};
		const off = await progress("Without", async () => sideOf(await startProduct(sandbox, { prefix: "off_" })));
		const on = await progress("With metrics", async () => {
			return sideOf(await startProduct(sandbox, { prefix: "on_", env: { METRICS_PORT: port } }));
		});
		const scraping = scrapeOf(`http://127.0.0.1:${port}/metrics`);
		const taken = await measure(off, on, seconds, rounds, progress);
		const counted = await scraping.stop();
		await Promise.all([off.product.stop(), on.product.stop()]);
		return reportOf(taken, counted, on.sent, showMachine(await describeMachine()));
	} finally {
		await sandbox.remove();
	}
}

async function measure(off: Side, on: Side, seconds: number, rounds: number, progress: Progress): Promise<Round[]> {
	const load = async (side: Side, forS: number): Promise<Load> => {
		const cpuBefore = await side.product.cpuS();
		const figures = await sendLoad(side.traffic, { connections: CONNECTIONS, seconds: forS }, side.sent);
		side.sent += figures.answered;
		if (figures.failed > 0) throw new Error(`${figures.failed} orders were not answered with 201`);
		const cpuS = (await side.product.cpuS()) - cpuBefore;
		return { per_s: figures.per_s, cpu_ms_per_order: (1_000 * cpuS) / figures.answered };
	};
	await progress("Warming up", async () => {
		for (const side of [off, on]) await load(side, WARM_UP_S);
	});
	const taken: Round[] = [];
	for (let round = 1; round <= rounds; round++) {
		const loads = new Map<Side, Load>();
		// Each is the first in every other round, so that what changes with time favours neither.
		for (const side of round % 2 === 0 ? [off, on] : [on, off]) {
			const what = `Round ${round}: ${side === on ? "with" : "without"} metrics`;
			loads.set(side, await progress(what, () => load(side, seconds)));
		}
		const [without, metered] = [loads.get(off) as Load, loads.get(on) as Load];
		const cpu_ratio = metered.cpu_ms_per_order / without.cpu_ms_per_order;
		taken.push({ without, with: metered, ratio: metered.per_s / without.per_s, cpu_ratio });
	}
	return taken;
}

/** Scrapes `url` again and again; `stop` gives how many orders it tells of in the end. */
function scrapeOf(url: string): { stop(): Promise<number> } {
	const scrape = async () => (await fetch(url)).text();
	const timer = setInterval(() => void scrape().catch(() => {}), SCRAPE_EVERY_MS);
	return {
		async stop() {
			clearInterval(timer);
			const lines = (await scrape()).split("\n").filter((line) => line.startsWith("orders_answered_total{"));
			return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
		},
	};
}

function reportOf(rounds: readonly Round[], counted: number, sent: number, machine: string): Report {
	const ratio = medianOf(rounds.map((round) => round.ratio));
	const marks = {
		[`with metrics at least ${LEAST_RATIO} of the orders without`]: ratio >= LEAST_RATIO,
		[`each of ${sent.toLocaleString("en")} orders is counted`]: counted === sent,
	};
	const cpuRatio = medianOf(rounds.map((round) => round.cpu_ratio));
	const table = new Table({
		head: ["metrics", "orders/s", "CPU ms/order"],
		colAligns: ["left", "right", "right"],
		style: { head: [], border: [], compact: true },
	});
	for (const side of ["without", "with"] as const) {
		const median = (pick: (load: Load) => number) => medianOf(rounds.map((round) => pick(round[side])));
		const perS = Math.round(median((load) => load.per_s));
		table.push([side, perS.toLocaleString("en"), median((load) => load.cpu_ms_per_order).toFixed(2)]);
	}
	return {
		lines: [
			table.toString(),
			`Medians of the rounds' ratios: ${ratio.toFixed(3)} of the orders, ${cpuRatio.toFixed(3)} of the CPU time`,
			...Object.entries(marks).map(([mark, reached]) => `  ${reached ? "✓" : "✗"} ${mark}`),
			machine,
		],
		json: { rounds, ratio, cpu_ratio: cpuRatio, counted, sent, marks, machine },
		ok: Object.values(marks).every(Boolean),
	};
}
