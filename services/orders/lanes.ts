import { type Rounds, startRounds } from "./rounds.ts";

interface LanesOptions<Due> {
	readonly everyMs: number;
	/** How many orders are a page; a lane has two of them under way. */
	readonly atOnce: number;
	/** The most lanes at a time. */
	readonly maxLanes: number;
	/** The markets that may have such orders. */
	symbols(): Promise<readonly string[]>;
	/** The next ones of a market, after one that has had its turn. */
	page(symbol: string, after: Due | undefined, limit: number): Promise<readonly Due[]>;
	/** Sees to an order; rejects when that cannot be done now. */
	work(due: Due): Promise<unknown>;
	onError(error: unknown, what: string): void;
}

/**
 * Sees to orders in rounds, a lane per market, so that what holds up one market holds up no other. A lane goes through
 * all that is due; it ends early where a market takes nothing now, and the next one goes on behind what has failed.
 */
export function startLanes<Due>(options: LanesOptions<Due>): Rounds {
	const { everyMs, atOnce, maxLanes } = options;
	const lanes = new Map<string, Promise<void>>();
	const failedUntil = new Map<string, Due>();
	/** Lanes that may be past what has come up since they began. */
	const kicked = new Set<string>();

	async function open(signal: AbortSignal): Promise<void> {
		const waiting = (await options.symbols()).filter((symbol) => !lanes.has(symbol));
		// Those that took nothing the last time come last.
		const inTurn = waiting.toSorted((a, b) => Number(failedUntil.has(a)) - Number(failedUntil.has(b)));
		for (const symbol of inTurn.slice(0, maxLanes - lanes.size)) {
			const lane = run(symbol, signal)
				.catch((error) => options.onError(error, symbol))
				.finally(() => {
					lanes.delete(symbol);
					if (kicked.delete(symbol)) rounds.kick();
				});
			lanes.set(symbol, lane);
		}
	}

	/** The next page is under way while one ends, so that commits need not wait for each other. */
	async function run(symbol: string, signal: AbortSignal): Promise<void> {
		let after = failedUntil.get(symbol);
		failedUntil.delete(symbol);
		let before = Promise.resolve(true);
		while (!signal.aborted) {
			const page = await options.page(symbol, after, atOnce);
			const current = seeTo(symbol, page);
			if (!(await before) && after !== undefined) failedUntil.set(symbol, after);
			after = page.at(-1);
			before = current;
			if (after === undefined || failedUntil.has(symbol)) break;
		}
		await before;
	}

	/** Whether any of a page could be seen to, if there were any. */
	async function seeTo(symbol: string, page: readonly Due[]): Promise<boolean> {
		const results = await Promise.allSettled(page.map((due) => options.work(due)));
		const failures = results.filter((result) => result.status === "rejected");
		if (failures.length > 0) options.onError(failures[0]?.reason, `${failures.length} orders of ${symbol}`);
		return page.length === 0 || failures.length < page.length;
	}

	const rounds = startRounds({ everyMs, round: open, onError: (error) => options.onError(error, "markets") });
	return {
		kick() {
			for (const symbol of lanes.keys()) kicked.add(symbol);
			rounds.kick();
		},
		async stop() {
			await rounds.stop();
			await Promise.all(lanes.values());
		},
	};
}
