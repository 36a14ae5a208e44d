import type { Report } from "../cli/programs.ts";
import { progressOn } from "../cli/progress.ts";
import { describeMachine } from "./machine.ts";
import { startChild } from "./orders/children.ts";
import { measure, orderLoad } from "./orders/measure.ts";
import { readLengths } from "./orders/options.ts";
import { reportOf } from "./orders/report.ts";
import { createTpcb, openDurableSandbox } from "./orders/servers.ts";
import { startProduct } from "./orders/start-product.ts";

export const summary =
	"POST /api/orders over HTTP beside an empty moleculer-web action and TPC-B on the same PostgreSQL";

/** At the first of them latencies are held to their marks. */
const CONNECTIONS = [64, 256] as const;

/**
 * `--seconds N --rounds N`: drives orders, an empty action and TPC-B in turn, each for so many seconds, then orders at
 * half their peak rate, open loop. Fails when a mark is missed.
 */
export async function run(args: readonly string[]): Promise<Report> {
	const { seconds, rounds } = readLengths(args);
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", openDurableSandbox);
	try {
		const product = await progress("Product", () => startProduct(sandbox));
		const empty = await startChild<{ readonly url: string }>(sandbox, "empty-gateway.ts");
		const tpcb = await progress("TPC-B's tables", createTpcb);
		const setting = { emptyUrl: empty.told.url, tpcb, connections: CONNECTIONS, seconds, rounds, progress };
		const report = reportOf(await measure(await orderLoad(product), setting), await describeMachine());
		await Promise.all([product.stop(), empty.stop()]);
		return report;
	} finally {
		await sandbox.remove();
	}
}
