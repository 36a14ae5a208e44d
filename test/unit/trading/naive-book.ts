/** A book so plain that it can be seen to be right: the oracle of the fast one. */
export interface NaiveOrder {
	readonly id: string;
	readonly user: string;
	readonly side: "buy" | "sell";
	/** Null for a market order. */
	readonly ticks: number | null;
	readonly rests: boolean;
	lots: number;
}

export interface NaiveTrade {
	readonly maker: string;
	readonly taker: string;
	readonly ticks: number;
	readonly lots: number;
}

/** Keeps resting orders in the order of their arrival and looks through all of them each time. */
export function naiveBook() {
	let resting: NaiveOrder[] = [];

	function bestFor(taker: NaiveOrder): NaiveOrder | undefined {
		const crossing = resting.filter(({ side, ticks }) => {
			if (side === taker.side || ticks === null) return false;
			return taker.ticks === null || (taker.side === "buy" ? ticks <= taker.ticks : ticks >= taker.ticks);
		});
		const sign = taker.side === "buy" ? 1 : -1;
		return crossing.toSorted((a, b) => sign * ((a.ticks ?? 0) - (b.ticks ?? 0)))[0];
	}

	return {
		submit(order: NaiveOrder): NaiveTrade[] {
			const taker = { ...order };
			const trades: NaiveTrade[] = [];
			for (let maker = bestFor(taker); maker && taker.lots > 0; maker = bestFor(taker)) {
				if (maker.user === taker.user) return trades;
				const lots = Math.min(maker.lots, taker.lots);
				trades.push({ maker: maker.id, taker: taker.id, ticks: maker.ticks ?? 0, lots });
				maker.lots -= lots;
				taker.lots -= lots;
				resting = resting.filter((other) => other.lots > 0);
			}
			if (taker.lots > 0 && taker.rests) resting.push(taker);
			return trades;
		},
		cancel(id: string): boolean {
			const before = resting.length;
			resting = resting.filter((order) => order.id !== id);
			return resting.length < before;
		},
		levels(side: "buy" | "sell"): [number, number][] {
			const levels = new Map<number, number>();
			for (const order of resting)
				if (order.side === side) levels.set(order.ticks ?? 0, (levels.get(order.ticks ?? 0) ?? 0) + order.lots);
			return [...levels].sort(([a], [b]) => (side === "buy" ? b - a : a - b));
		},
	};
}
