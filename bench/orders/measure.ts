import type { Progress } from "../../cli/progress.ts";
import { openDb } from "../../lib/db.ts";
import { databaseName } from "../../lib/topology.ts";
import { serverUrl } from "../../test/support/databases.ts";
import { sendLoad } from "./load.ts";
import { type Figures, figuresOf, type Measured, type OrderFigures, type Taken } from "./report.ts";
import type { Tpcb } from "./tpcb.ts";
import { emptyTraffic, orderTraffic, type ProductTold } from "./traffic.ts";

/** Until the code that runs most is compiled. */
const WARM_UP_S = 8;

/** What is measured: where it listens, and the CPU seconds that its processes have used so far. */
export interface Product {
	readonly told: ProductTold;
	cpuS(): Promise<number>;
}

/** Beside what and for how long; at the first number of connections the peak is that half of which is calm. */
export interface Setting {
	readonly emptyUrl: string;
	readonly tpcb: Tpcb;
	readonly connections: readonly number[];
	readonly seconds: number;
	readonly rounds: number;
	readonly progress: Progress;
}

/** Sends orders to a product, numbered on from those that it was sent before. */
export interface OrderLoad {
	/** How many have been answered. */
	readonly sent: number;
	/** As fast as can be, or open loop at `perS`. */
	send(connections: number, seconds: number, perS?: number): Promise<OrderFigures>;
}

/** The load of orders on `product`. */
export async function orderLoad(product: Product): Promise<OrderLoad> {
	const orders = await orderTraffic(product.told);
	let sent = 0;
	return {
		get sent() {
			return sent;
		},
		async send(connections, seconds, perS) {
			const cpuBefore = await product.cpuS();
			const figures = await sendLoad(orders, { connections, seconds, ...(perS && { perS }) }, sent);
			sent += figures.answered;
			return { ...figures, cpu_ms_per_order: (1_000 * ((await product.cpuS()) - cpuBefore)) / figures.answered };
		},
	};
}

/** Drives orders, an empty action and TPC-B in turn, then orders at half their peak rate. */
export async function measure(load: OrderLoad, setting: Setting): Promise<Measured> {
	const { emptyUrl, tpcb, seconds, rounds, progress } = setting;
	const [fewest = 1] = setting.connections;
	const nothing = emptyTraffic(emptyUrl);
	await progress("Warming up", async () => {
		await load.send(fewest, WARM_UP_S);
		await sendLoad(nothing, { connections: fewest, seconds: 1 });
	});
	const peaks: Figures[] = [];
	for (const connections of setting.connections) {
		const taken: Taken[] = [];
		for (let round = 1; round <= rounds; round++) {
			const step = (what: string) => `${connections}, ${round}: ${what}`;
			taken.push({
				tpcb_per_s: await progress(step("TPC-B"), () => tpcb.measure(connections, seconds)),
				orders: await progress(step("orders"), () => load.send(connections, seconds)),
				empty: await progress(step("empty action"), () => sendLoad(nothing, { connections, seconds })),
			});
		}
		peaks.push(figuresOf(connections, taken));
	}
	const half = (peaks[0] as Figures).orders_per_s / 2;
	const calm = await progress("Orders at half the peak", () => load.send(fewest, seconds, half));
	return { peaks, calm, sent: load.sent, kept: await countOrders(), way: tpcb.way };
}

/** How many orders the product's database has that are not pending. */
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
