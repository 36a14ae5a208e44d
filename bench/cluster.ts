import type { Report } from "../cli/programs.ts";
import { type Progress, progressOn } from "../cli/progress.ts";
import { startNatsServer } from "../test/contract/event-bus/nats-server.ts";
import { type ClusterProduct, startCluster } from "./cluster/product.ts";
import { describeMachine } from "./machine.ts";
import { startChild } from "./orders/children.ts";
import { measure, type OrderLoad, orderLoad } from "./orders/measure.ts";
import { readLengths } from "./orders/options.ts";
import { reportOf } from "./orders/report.ts";
import { createTpcb, openDurableSandbox } from "./orders/servers.ts";

export const summary = "the same over NATS with a process per service; CPU time with 1, 2 and 4 nodes of a service";

const CONNECTIONS = 64;
/** Nodes of `orders` and of `trading`; each is as many more as there were before. */
const NODES = [1, 2, 4] as const;

/** What a number of nodes of `orders` and `trading` gave. */
interface Scaled {
	readonly nodes: number;
	readonly orders_per_s: number;
	readonly p95_ms: number;
	/** Of all nodes together, without PostgreSQL and NATS. */
	readonly cpu_s_per_1000_orders: number;
}

/**
 * `--seconds N --rounds N`: what `bench orders` does at 64 connections, on a cluster of api, orders, risk, trading and
 * all others as a process each; then with more nodes of `orders` and `trading`. Fails when a mark is missed.
 */
export async function run(args: readonly string[]): Promise<Report> {
	const { seconds, rounds } = readLengths(args);
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", openDurableSandbox);
	try {
		const nats = await progress("NATS", () => startNatsServer(sandbox));
		const product = await progress("Cluster", () => startCluster(sandbox, nats.url));
		const empty = await startChild<{ readonly url: string }>(sandbox, "empty-gateway.ts");
		const tpcb = await progress("TPC-B's tables", createTpcb);
		const load = await orderLoad(product);
		const setting = { emptyUrl: empty.told.url, tpcb, connections: [CONNECTIONS], seconds, rounds, progress };
		const measured = await measure(load, setting);
		const scaled = await scale(product, load, seconds, progress);
		await Promise.all([product.stop(), empty.stop()]);
		await nats.remove();
		const report = reportOf(measured, await describeMachine());
		return {
			lines: [...report.lines, ...scaled.map(lineOf)],
			json: { ...report.json, scaled },
			ok: report.ok,
		};
	} finally {
		await sandbox.remove();
	}
}

async function scale(
	product: ClusterProduct,
	load: OrderLoad,
	seconds: number,
	progress: Progress,
): Promise<readonly Scaled[]> {
	const scaled: Scaled[] = [];
	for (const [i, nodes] of NODES.entries()) {
		const more = nodes - (NODES[i - 1] ?? nodes);
		const what = `${nodes} ${nodes === 1 ? "node" : "nodes"} each of orders and trading`;
		const figures = await progress(what, async () => {
			if (more > 0) await Promise.all([product.add("orders", more), product.add("trading", more)]);
			// New processes have code to compile.
			if (more > 0) await load.send(CONNECTIONS, seconds);
			return load.send(CONNECTIONS, seconds);
		});
		const { per_s: orders_per_s, p95_ms, cpu_ms_per_order: cpu_s_per_1000_orders } = figures;
		scaled.push({ nodes, orders_per_s, p95_ms, cpu_s_per_1000_orders });
	}
	return scaled;
}

function lineOf({ nodes, orders_per_s, p95_ms, cpu_s_per_1000_orders }: Scaled): string {
	return (
		`${nodes} each of orders and trading: ${Math.round(orders_per_s)} orders/s, P95 ${p95_ms.toFixed(0)} ms, ` +
		`${cpu_s_per_1000_orders.toFixed(2)} CPU s per 1,000 orders`
	);
}
