import {
	beyondBand,
	endTwin,
	left,
	type NaiveOrder,
	type NaiveTerms,
	type NaiveTrade,
	type Rules,
	remove,
	take,
	tell,
	twin,
	type World,
} from "./naive-matching.ts";

const copy = (world: World): World => ({
	...world,
	resting: world.resting.map((order) => ({ ...order })),
	stops: world.stops.map((order) => ({ ...order })),
	trades: [...world.trades],
	states: new Map(world.states),
});

const isStop = (order: NaiveOrder) => order.type.includes("stop");

function distance(order: NaiveOrder): number {
	return order.trailTicks ?? Math.max(1, Math.floor(((order.extreme ?? 0) * (order.trailBps ?? 0)) / 10_000));
}

/** Whether a trade at that price triggers the stop. */
function triggers(order: NaiveOrder, ticks: number): boolean {
	if (order.type === "trailing_stop") {
		const pick = order.side === "buy" ? Math.min : Math.max;
		order.extreme = pick(order.extreme ?? ticks, ticks);
		order.stop = order.side === "buy" ? order.extreme + distance(order) : order.extreme - distance(order);
	}
	const stop = order.stop ?? 0;
	return order.side === "buy" ? ticks >= stop : ticks <= stop;
}

/**
 * A book so plain that it can be seen to be right: the oracle of the fast one. It knows nothing of money but fees,
 * looks through all orders each time, and tries every command on a copy first.
 */
export function naiveBook(rules: Rules) {
	let world: World = { rules, now: 0, resting: [], stops: [], last: null, trades: [], states: new Map() };
	let arrivals = 0;

	/** Puts an order into the market; gives why not. */
	function enter(order: NaiveOrder, old: NaiveOrder | undefined): string | null {
		if (order.expiresAt !== null && order.expiresAt <= world.now) return tell(world, order, "expired");
		if (order.reduceOnly && order.side === "buy") return "REDUCE_ONLY";
		const waits = isStop(order) && !order.triggered;
		if (waits && order.type === "trailing_stop" && order.extreme === null) {
			if (world.last === null) return "NO_LAST_PRICE";
			order.extreme = world.last;
		}
		if (waits && (order.type === "trailing_stop" || world.last === null || !triggers(order, world.last))) {
			if (old) retire(old);
			world.stops.push(order);
			return tell(world, order, "held");
		}
		if (order.ticks !== null && beyondBand(rules, world.last, order.side, order.ticks)) return "PRICE_OUT_OF_BAND";
		const trial = copy(world);
		const taker = { ...order, triggered: true };
		const { stopped, cut, met, touched } = take(trial, taker);
		if (order.postOnly && met) return "POST_ONLY_WOULD_TAKE";
		if (!touched && stopped === "self_trade") return "SELF_TRADE_PREVENTED";
		if (!touched && stopped === "spent") return "BELOW_MIN_NOTIONAL";
		if (!touched && order.ticks === null) return "NO_LIQUIDITY";
		if (old) retire(old, trial);
		const whole = order.notional === null ? left(taker) === 0 : stopped === "spent" && taker.filled > 0 && cut === 0;
		const killed = order.notional === null ? !whole : stopped !== "spent" || cut > 0;
		if (order.tif === "fok" && killed) {
			if (old) retire(old);
			return tell(world, order, "expired");
		}
		world = trial;
		if (whole) tell(world, taker, "filled");
		else if (left(taker) > cut && !stopped && order.ticks !== null && order.tif !== "ioc") {
			taker.quantity -= cut;
			taker.shown = Math.min(taker.display ?? Infinity, left(taker));
			world.resting.push(taker);
			tell(world, taker, taker.filled > 0 ? "partially_filled" : "open");
		} else tell(world, taker, "expired");
		return null;
	}

	function retire(old: NaiveOrder, on = world): void {
		remove(on, old);
		tell(on, old, "replaced");
	}

	function replace(order: NaiveOrder): string | null {
		const old = [...world.resting, ...world.stops].find((other) => other.id === order.replaces);
		if (!old || old.user !== order.user || order.quantity <= old.filled || twin(world, old))
			return "TOO_LATE_TO_REPLACE";
		order.quantity -= old.filled;
		const keeps = order.ticks === old.ticks && order.quantity <= left(old);
		const held = world.stops.includes(old);
		order.triggered = isStop(order) && !held;
		if (held)
			Object.assign(order, { stop: old.stop, extreme: old.extreme, arrival: keeps ? old.arrival : order.arrival });
		if (held || !keeps) return enter(order, old);
		order.shown = order.display === null ? left(order) : Math.min(old.shown, left(order));
		world.resting = world.resting.map((other) => (other === old ? order : other));
		tell(world, old, "replaced");
		return tell(world, order, "open");
	}

	/** Both or none; the stop waits for what is left of the limit. */
	function enterPair(limit: NaiveOrder, stop: NaiveOrder): void {
		if (limit.expiresAt !== null && limit.expiresAt <= world.now) {
			tell(world, limit, "expired");
			tell(world, stop, "expired");
			return;
		}
		const { last } = world;
		if (stop.type !== "trailing_stop" && last !== null && triggers(stop, last)) {
			tell(world, limit, "canceled");
			const reason = enter(stop, undefined);
			if (reason) tell(world, stop, "rejected", reason);
			return;
		}
		const before = copy(world);
		const reason = enter(limit, undefined) ?? (stop.type === "trailing_stop" && last === null ? "NO_LAST_PRICE" : null);
		if (reason) {
			world = before;
			tell(world, limit, "rejected", reason);
			tell(world, stop, "rejected", reason);
			return;
		}
		const resting = world.resting.find(({ id }) => id === limit.id);
		if (!resting) {
			tell(world, stop, world.states.get(limit.id)?.startsWith("expired") ? "expired" : "canceled");
			return;
		}
		stop.quantity = left(resting);
		stop.extreme = last;
		world.stops.push(stop);
		tell(world, stop, "held");
	}

	/** Lets triggered stops in, one after the other. */
	function enterTriggered(from: number): void {
		const queue: NaiveOrder[] = [];
		for (let seen = from; seen < world.trades.length || queue.length > 0; ) {
			for (; seen < world.trades.length; seen++) {
				const { ticks } = world.trades[seen] as NaiveTrade;
				const hit = world.stops.filter((order) => triggers(order, ticks)).toSorted((a, b) => a.arrival - b.arrival);
				world.stops = world.stops.filter((order) => !hit.includes(order));
				for (const order of hit) endTwin(world, order, "canceled");
				queue.push(...hit);
			}
			const order = queue.shift();
			if (!order) return;
			order.triggered = true;
			const reason = enter(order, undefined);
			if (reason) tell(world, order, "rejected", reason);
		}
	}

	const orderOf = ({ lots, ...rest }: NaiveTerms): NaiveOrder => ({
		...rest,
		quantity: lots,
		filled: 0,
		shown: 0,
		extreme: null,
		triggered: false,
		arrival: ++arrivals,
	});

	return {
		submitPair(limit: NaiveTerms, stop: NaiveTerms, at: number): void {
			world.now = at;
			const before = world.trades.length;
			enterPair(orderOf(limit), orderOf(stop));
			enterTriggered(before);
		},
		submit(terms: NaiveTerms, at: number): void {
			world.now = at;
			const order = orderOf(terms);
			const before = world.trades.length;
			const reason = order.replaces === null ? enter(order, undefined) : replace(order);
			if (reason) tell(world, order, "rejected", reason);
			enterTriggered(before);
		},
		end(id: string, status: string): boolean {
			const order = [...world.resting, ...world.stops].find((other) => other.id === id);
			if (!order) return false;
			remove(world, order);
			tell(world, order, status);
			endTwin(world, order, status);
			return true;
		},
		trades: (): readonly string[] => world.trades.map(({ shown }) => shown),
		states: (): ReadonlyMap<string, string> => world.states,
		/** The levels of a side, best first, with the orders there in the order of time. */
		shownSide(side: "buy" | "sell"): string {
			const sign = side === "buy" ? -1 : 1;
			const own = world.resting.filter((order) => order.side === side);
			const prices = [...new Set(own.map(({ ticks }) => ticks ?? 0))].sort((a, b) => sign * (a - b));
			const levels = prices.map((price) => {
				const there = own.filter(({ ticks }) => ticks === price);
				const lots = there.reduce((sum, { shown }) => sum + shown, 0);
				return [`${price}:${lots}`, ...there.map(({ id }) => id)].join(" ");
			});
			return levels.join(" ");
		},
		waiting: (): string =>
			world.stops
				.map(({ id }) => id)
				.toSorted()
				.join(" "),
	};
}
