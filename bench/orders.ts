import { parseArgs } from "node:util";
import { wholeNumber } from "../cli/options.ts";
import type { Report } from "../cli/programs.ts";
import { type Progress, progressOn } from "../cli/progress.ts";
import { openDb } from "../lib/db.ts";
import { databaseName } from "../lib/topology.ts";
import { onServer, serverUrl } from "../test/support/databases.ts";
import { openSandbox } from "../test/support/sandbox.ts";
import { describeMachine } from "./machine.ts";
import { type Child, startChild } from "./orders/children.ts";
import { sendLoad } from "./orders/load.ts";
import { type Figures, figuresOf, type Measured, reportOf, type Taken } from "./orders/report.ts";
import { startProduct } from "./orders/start-product.ts";
import { prepareTpcb, type Tpcb } from "./orders/tpcb.ts";
import { emptyTraffic, orderTraffic, type ProductTold } from "./orders/traffic.ts";

export const summary =
	"POST /api/orders over HTTP beside an empty moleculer-web action and TPC-B on the same PostgreSQL";

/** At the first of them latencies are held to their marks. */
const CONNECTIONS = [64, 256] as const;
const MAX_SECONDS = 600;
const MAX_ROUNDS = 20;
/** Pools of the services, and 256 clients of TPC-B. */
const MAX_DATABASE_CONNECTIONS = 450;
/** Until the code that runs most is compiled. */
const WARM_UP_S = 8;

/**
 * `--seconds N --rounds N`: drives orders, an empty action and TPC-B in turn, each for so many seconds, then orders at
 * half their peak rate, open loop. Fails when a mark is missed.
 */
export async function run(args: readonly string[]): Promise<Report> {
	const { values } = parseArgs({
		args: [...args],
		options: { seconds: { type: "string", default: "10" }, rounds: { type: "string", default: "3" } },
	});
	const seconds = wholeNumber("--seconds", values.seconds, 1, MAX_SECONDS);
	const rounds = wholeNumber("--rounds", values.rounds, 1, MAX_ROUNDS);
	const progress = progressOn(process.stderr);
	const open = () => openSandbox({ maxConnections: MAX_DATABASE_CONNECTIONS, durable: true });
	const sandbox = await progress("PostgreSQL", open);
	try {
		const product = await progress("Product", () => startProduct(sandbox));
		const empty = await startChild<{ readonly url: string }>(sandbox, "empty-gateway.ts");
		const tpcb = await progress("TPC-B's tables", createTpcb);
		const measured = await measure({ product, emptyUrl: empty.told.url, tpcb, seconds, rounds, progress });
		const report = reportOf(measured, await describeMachine());
		await Promise.all([product.stop(), empty.stop()]);
		return report;
	} finally {
		await sandbox.remove();
	}
}

async function createTpcb(): Promise<Tpcb> {
	await onServer((server) => server.query("CREATE DATABASE tpcb"));
	return prepareTpcb(serverUrl("tpcb"));
}

interface Setting {
	readonly product: Child<ProductTold>;
	readonly emptyUrl: string;
	readonly tpcb: Tpcb;
	readonly seconds: number;
	readonly rounds: number;
	readonly progress: Progress;
}

async function measure({ product, emptyUrl, tpcb, seconds, rounds, progress }: Setting): Promise<Measured> {
	const orders = await orderTraffic(product.told);
	const nothing = emptyTraffic(emptyUrl);
	let sent = 0;
	const loadOrders = async (connections: number, forS: number, perS?: number) => {
		const cpuBefore = await product.cpuS();
		const figures = await sendLoad(orders, { connections, seconds: forS, ...(perS && { perS }) }, sent);
		sent += figures.answered;
		return { ...figures, cpu_ms_per_order: (1_000 * ((await product.cpuS()) - cpuBefore)) / figures.answered };
	};
	await progress("Warming up", async () => {
		await loadOrders(CONNECTIONS[0], WARM_UP_S);
		await sendLoad(nothing, { connections: CONNECTIONS[0], seconds: 1 });
	});
	const peaks: Figures[] = [];
	for (const connections of CONNECTIONS) {
		const taken: Taken[] = [];
		for (let round = 1; round <= rounds; round++) {
			const step = (what: string) => `${connections}, ${round}: ${what}`;
			taken.push({
				tpcb_per_s: await progress(step("TPC-B"), () => tpcb.measure(connections, seconds)),
				orders: await progress(step("orders"), () => loadOrders(connections, seconds)),
				empty: await progress(step("empty action"), () => sendLoad(nothing, { connections, seconds })),
			});
		}
		peaks.push(figuresOf(connections, taken));
	}
	const half = (peaks[0] as Figures).orders_per_s / 2;
	const calm = await progress("Orders at half the peak", () => loadOrders(CONNECTIONS[0], seconds, half));
	return { peaks, calm, sent, kept: await countOrders(), way: tpcb.way };
}

async function countOrders(): Promise<number> {
	const db = openDb(serverUrl(databaseName("orders")), { applicationName: "bench", poolSize: 1 });
	try {
		const [row] = await db.query<{ kept: number }>(
			"SELECT count(*)::integer AS kept FROM orders WHERE status <> 'pending'",
		);
		return row?.kept ?? 0;
	} finally {
		await db.close();
	}
}
