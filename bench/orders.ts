import { parseArgs } from "node:util";
import { wholeNumber } from "../cli/options.ts";
import type { Report } from "../cli/programs.ts";
import { progressOn } from "../cli/progress.ts";
import { describeMachine } from "./machine.ts";
import { startChild } from "./orders/children.ts";
import { measure, orderLoad } from "./orders/measure.ts";
import { reportOf } from "./orders/report.ts";
import { createTpcb, openDurableSandbox } from "./orders/servers.ts";
import { startProduct } from "./orders/start-product.ts";

export const summary =
	"POST /api/orders over HTTP beside an empty moleculer-web action and TPC-B on the same PostgreSQL";

/** At the first of them latencies are held to their marks. */
const CONNECTIONS = [64, 256] as const;
const MAX_SECONDS = 600;
const MAX_ROUNDS = 20;

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
