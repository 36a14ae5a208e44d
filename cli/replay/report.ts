import Table from "cli-table3";
import type { ReplayResult } from "./run.ts";

const MAX_SHOWN = 10;

/** The figures of a replay as a table. */
export function showResult(result: ReplayResult, trades: number): string {
	const sorted = result.latenciesMs.toSorted();
	const percentile = (share: number) =>
		`${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)} ms`;
	const table = new Table();
	table.push(
		{ orders: result.orders },
		{ trades },
		{ "orders/s": (result.orders / result.seconds).toFixed(0) },
		{ "latency P50": percentile(0.5) },
		{ "latency P95": percentile(0.95) },
		{ "latency P99": percentile(0.99) },
		{ "tape equal": `${result.equal} of ${trades}` },
	);
	return table.toString();
}

/** The first places where the tape is not the recording. */
export function showMismatches({ mismatches }: ReplayResult): string {
	const lines = mismatches.slice(0, MAX_SHOWN).map(({ index, recorded, taped }) => {
		const told = taped ? `${taped.quantity} @ ${taped.price} ${taped.taker_side}` : "nothing";
		const wanted = `${recorded.quantity} @ ${recorded.price} ${recorded.takerSide}`;
		return `  trade ${index}: recorded ${wanted}, the tape has ${told}`;
	});
	return lines.join("\n");
}
