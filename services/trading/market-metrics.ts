import type { Metrics } from "../../lib/metrics/registry.ts";
import type { OpenMarket } from "./markets.ts";

const SIDES = ["buy", "sell"] as const;

/** Shows at each scrape the markets that this node writes, and what rests in their books. */
export function showMarkets(metrics: Metrics | null, markets: ReadonlyMap<string, OpenMarket>): void {
	metrics?.onScrape(() => {
		// Those of a market that another node has now would stand beside its own.
		metrics.clear("book_orders");
		metrics.clear("market_lease_epoch");
		let owned = 0;
		for (const [symbol, { writer }] of markets) {
			const standing = writer.standing();
			if (!standing) continue;
			owned += 1;
			metrics.set("market_lease_epoch", { symbol }, Number(standing.epoch));
			for (const side of SIDES) metrics.set("book_orders", { symbol, side }, standing[side]);
		}
		metrics.set("markets_owned", {}, owned);
	});
}
