/** A book so plain that it can be seen to be right: the oracle of the fast one. It knows nothing of money but fees. */
export interface NaiveTerms {
	readonly id: string;
	readonly user: string;
	readonly side: "buy" | "sell";
	readonly type: "market" | "limit" | "stop" | "stop_limit" | "trailing_stop";
	readonly tif: "gtc" | "ioc" | "fok" | "day" | "gtd";
	readonly ticks: number | null;
	readonly stop: number | null;
	readonly trailTicks: number | null;
	readonly trailBps: number | null;
	readonly notional: number | null;
	readonly postOnly: boolean;
	readonly reduceOnly: boolean;
	readonly display: number | null;
	readonly stp: "expire_taker" | "expire_maker" | "expire_both" | "decrement" | "none";
	readonly expiresAt: number | null;
	readonly replaces: string | null;
	readonly linked: string | null;
	readonly lots: number;
}

interface NaiveOrder extends Omit<NaiveTerms, "lots" | "stop"> {
	quantity: number;
	filled: number;
	shown: number;
	stop: number | null;
	extreme: number | null;
	triggered: boolean;
	arrival: number;
}

interface NaiveTrade {
	readonly ticks: number;
	readonly shown: string;
}

interface World {
	/** Resting orders in the order of time, and stops. */
	resting: NaiveOrder[];
	stops: NaiveOrder[];
	last: number | null;
	trades: NaiveTrade[];
	states: Map<string, string>;
}

interface Rules {
	readonly takerFeeBps: number;
	readonly bandBps: number | null;
}

type Stopped = "self_trade" | "band" | "spent" | null;

const left = (order: NaiveOrder) => order.quantity - order.filled;
const copy = (world: World): World => ({
	...world,
	resting: world.resting.map((order) => ({ ...order })),
	stops: world.stops.map((order) => ({ ...order })),
	trades: [...world.trades],
	states: new Map(world.states),
});

/** Looks through all orders each time, and tries every command on a copy first. */
export function naiveBook(rules: Rules) {
	let world: World = { resting: [], stops: [], last: null, trades: [], states: new Map() };
	let now = 0;
	let arrivals = 0;

	function tell(order: NaiveOrder, status: string, reason: string | null = null, on = world): null {
		on.states.set(order.id, `${status} ${reason} ${order.filled} of ${order.quantity}`);
		return null;
	}
	function remove(on: World, { id }: NaiveOrder): void {
		on.resting = on.resting.filter((other) => other.id !== id);
		on.stops = on.stops.filter((other) => other.id !== id);
	}
	const cost = (ticks: number, lots: number) => ticks * lots + Math.floor((ticks * lots * rules.takerFeeBps) / 10_000);
	/** The band stands where the last price was before the command. */
	const beyondBand = (side: string, ticks: number) => {
		if (rules.bandBps === null || world.last === null) return false;
		const width = Math.floor((world.last * rules.bandBps) / 10_000);
		return side === "buy" ? ticks > world.last + width : ticks < world.last - width;
	};

	/** The other one of a pair while both work. */
	const twin = (on: World, { linked }: NaiveOrder) => [...on.resting, ...on.stops].find(({ id }) => id === linked);
	function endTwin(on: World, order: NaiveOrder, status: string): void {
		const other = twin(on, order);
		if (!other) return;
		remove(on, other);
		tell(other, status, null, on);
	}
	function shrinkTwin(on: World, order: NaiveOrder, lots: number): void {
		const other = twin(on, order);
		if (!other) return;
		other.quantity -= lots;
		tell(other, "held", null, on);
	}
	function expire(on: World, order: NaiveOrder): void {
		remove(on, order);
		tell(order, "expired", null, on);
		endTwin(on, order, "expired");
	}

	function bestFor(on: World, taker: NaiveOrder): NaiveOrder | undefined {
		const crossing = on.resting.filter(({ side, ticks }) => {
			if (side === taker.side || ticks === null) return false;
			return taker.ticks === null || (taker.side === "buy" ? ticks <= taker.ticks : ticks >= taker.ticks);
		});
		const sign = taker.side === "buy" ? 1 : -1;
		return crossing.toSorted((a, b) => sign * ((a.ticks ?? 0) - (b.ticks ?? 0)))[0];
	}

	/** Gives `lots` of a resting order away; a fresh slice of an iceberg goes to the end. */
	function give(on: World, maker: NaiveOrder, lots: number): void {
		maker.shown -= lots;
		if (maker.shown > 0) return;
		remove(on, maker);
		maker.shown = Math.min(maker.display ?? Infinity, left(maker));
		if (left(maker) > 0) on.resting.push(maker);
	}

	/** Matches as far as it goes; `cut` is what self-trade prevention took off the taker. */
	function take(on: World, taker: NaiveOrder): { stopped: Stopped; cut: number; met: boolean; touched: boolean } {
		const result = { stopped: null as Stopped, cut: 0, met: false, touched: false };
		let unspent = taker.notional;
		for (;;) {
			const maker = bestFor(on, taker);
			if (!maker || maker.ticks === null) return result;
			if (taker.notional === null && left(taker) === result.cut) return result;
			const { ticks } = maker;
			if (beyondBand(taker.side, ticks)) return { ...result, stopped: "band" };
			const own = maker.user === taker.user && taker.stp !== "none";
			if (maker.expiresAt !== null && maker.expiresAt <= now) {
				expire(on, maker);
				result.touched = true;
				continue;
			}
			if (own) result.met ||= taker.stp === "expire_taker" || taker.stp === "expire_both";
			if (own && taker.stp === "expire_taker") return { ...result, stopped: "self_trade" };
			if (own && taker.stp !== "decrement") {
				expire(on, maker);
				result.touched = true;
				if (taker.stp === "expire_both") return { ...result, stopped: "self_trade" };
				continue;
			}
			let lots = taker.notional === null ? Math.min(maker.shown, left(taker) - result.cut) : maker.shown;
			while (unspent !== null && lots > 0 && cost(ticks, lots) > unspent) lots--;
			const short = unspent !== null && lots < maker.shown;
			if (unspent !== null) unspent -= cost(ticks, lots);
			if (lots > 0) {
				result.met = true;
				result.touched = true;
				if (own) cutBoth(on, maker, lots, result);
				else trade(on, taker, maker, ticks, lots);
			}
			if (short || unspent === 0) return { ...result, stopped: "spent" };
		}
	}

	function cutBoth(on: World, maker: NaiveOrder, lots: number, result: { cut: number }): void {
		result.cut += lots;
		if (lots === left(maker)) {
			expire(on, maker);
		} else {
			maker.quantity -= lots;
			give(on, maker, lots);
			tell(maker, maker.filled > 0 ? "partially_filled" : "open", null, on);
			shrinkTwin(on, maker, lots);
		}
	}

	function trade(on: World, taker: NaiveOrder, maker: NaiveOrder, ticks: number, lots: number): void {
		if (taker.notional !== null) taker.quantity += lots;
		taker.filled += lots;
		maker.filled += lots;
		give(on, maker, lots);
		on.last = ticks;
		on.trades.push({ ticks, shown: `${taker.id} takes ${lots} of ${maker.id} at ${ticks}` });
		tell(maker, left(maker) === 0 ? "filled" : "partially_filled", null, on);
		if (left(maker) === 0) endTwin(on, maker, "canceled");
		else shrinkTwin(on, maker, lots);
	}

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

	/** Puts an order into the market; gives why not. */
	function enter(order: NaiveOrder, old: NaiveOrder | undefined): string | null {
		if (order.expiresAt !== null && order.expiresAt <= now) return tell(order, "expired");
		if (order.reduceOnly && order.side === "buy") return "REDUCE_ONLY";
		const waits = isStop(order) && !order.triggered;
		if (waits && order.type === "trailing_stop" && order.extreme === null) {
			if (world.last === null) return "NO_LAST_PRICE";
			order.extreme = world.last;
		}
		if (waits && (order.type === "trailing_stop" || world.last === null || !triggers(order, world.last))) {
			if (old) retire(old);
			world.stops.push(order);
			return tell(order, "held");
		}
		if (order.ticks !== null && beyondBand(order.side, order.ticks)) return "PRICE_OUT_OF_BAND";
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
			return tell(order, "expired");
		}
		world = trial;
		if (whole) tell(taker, "filled");
		else if (left(taker) > cut && !stopped && order.ticks !== null && order.tif !== "ioc") {
			taker.quantity -= cut;
			taker.shown = Math.min(taker.display ?? Infinity, left(taker));
			world.resting.push(taker);
			tell(taker, taker.filled > 0 ? "partially_filled" : "open");
		} else tell(taker, "expired");
		return null;
	}

	function retire(old: NaiveOrder, on = world): void {
		remove(on, old);
		tell(old, "replaced", null, on);
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
		tell(old, "replaced");
		return tell(order, "open");
	}

	/** Both or none; the stop waits for what is left of the limit. */
	function enterPair(limit: NaiveOrder, stop: NaiveOrder): void {
		if (limit.expiresAt !== null && limit.expiresAt <= now) {
			tell(limit, "expired");
			tell(stop, "expired");
			return;
		}
		const { last } = world;
		if (stop.type !== "trailing_stop" && last !== null && triggers(stop, last)) {
			tell(limit, "canceled");
			const reason = enter(stop, undefined);
			if (reason) tell(stop, "rejected", reason);
			return;
		}
		const before = copy(world);
		const reason = enter(limit, undefined) ?? (stop.type === "trailing_stop" && last === null ? "NO_LAST_PRICE" : null);
		if (reason) {
			world = before;
			tell(limit, "rejected", reason);
			tell(stop, "rejected", reason);
			return;
		}
		const resting = world.resting.find(({ id }) => id === limit.id);
		if (!resting) {
			tell(stop, world.states.get(limit.id)?.startsWith("expired") ? "expired" : "canceled");
			return;
		}
		stop.quantity = left(resting);
		stop.extreme = last;
		world.stops.push(stop);
		tell(stop, "held");
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
			if (reason) tell(order, "rejected", reason);
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
			now = at;
			const before = world.trades.length;
			enterPair(orderOf(limit), orderOf(stop));
			enterTriggered(before);
		},
		submit(terms: NaiveTerms, at: number): void {
			now = at;
			const order = orderOf(terms);
			const before = world.trades.length;
			const reason = order.replaces === null ? enter(order, undefined) : replace(order);
			if (reason) tell(order, "rejected", reason);
			enterTriggered(before);
		},
		end(id: string, status: string): boolean {
			const order = [...world.resting, ...world.stops].find((other) => other.id === id);
			if (!order) return false;
			remove(world, order);
			tell(order, status);
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
