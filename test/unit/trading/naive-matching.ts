/** What is asked of the plain book. */
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

export interface NaiveOrder extends Omit<NaiveTerms, "lots" | "stop"> {
	quantity: number;
	filled: number;
	shown: number;
	stop: number | null;
	extreme: number | null;
	triggered: boolean;
	arrival: number;
}

export interface NaiveTrade {
	readonly ticks: number;
	readonly shown: string;
}

/** A market, and what has become of all orders. */
export interface World {
	readonly rules: Rules;
	/** When the command came. */
	now: number;
	/** Resting orders in the order of time, and stops. */
	resting: NaiveOrder[];
	stops: NaiveOrder[];
	last: number | null;
	trades: NaiveTrade[];
	states: Map<string, string>;
}

export interface Rules {
	readonly takerFeeBps: number;
	readonly bandBps: number | null;
}

type Stopped = "self_trade" | "band" | "spent" | null;

/** How much of an order can still trade. */
export const left = (order: NaiveOrder): number => order.quantity - order.filled;

/** Notes what has become of an order. */
export function tell(on: World, order: NaiveOrder, status: string, reason: string | null = null): null {
	on.states.set(order.id, `${status} ${reason} ${order.filled} of ${order.quantity}`);
	return null;
}

/** Takes an order out of the market. */
export function remove(on: World, { id }: NaiveOrder): void {
	on.resting = on.resting.filter((other) => other.id !== id);
	on.stops = on.stops.filter((other) => other.id !== id);
}

const cost = ({ takerFeeBps }: Rules, ticks: number, lots: number) =>
	ticks * lots + Math.floor((ticks * lots * takerFeeBps) / 10_000);

/** Whether a price is outside the band around `last`. */
export function beyondBand({ bandBps }: Rules, last: number | null, side: string, ticks: number): boolean {
	if (bandBps === null || last === null) return false;
	const width = Math.floor((last * bandBps) / 10_000);
	return side === "buy" ? ticks > last + width : ticks < last - width;
}

/** The other one of a pair while both work. */
export const twin = (on: World, { linked }: NaiveOrder) => [...on.resting, ...on.stops].find(({ id }) => id === linked);

/** Ends the other one of a pair. */
export function endTwin(on: World, order: NaiveOrder, status: string): void {
	const other = twin(on, order);
	if (!other) return;
	remove(on, other);
	tell(on, other, status);
}

/** Takes `lots` off the other one of a pair, a stop. */
function shrinkTwin(on: World, order: NaiveOrder, lots: number): void {
	const other = twin(on, order);
	if (!other) return;
	other.quantity -= lots;
	tell(on, other, "held");
}

function expire(on: World, order: NaiveOrder): void {
	remove(on, order);
	tell(on, order, "expired");
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

interface Taken {
	readonly stopped: Stopped;
	/** What self-trade prevention took off the taker. */
	readonly cut: number;
	/** Whether it met an order that it would have traded with. */
	readonly met: boolean;
	/** Whether anything is other than before. */
	readonly touched: boolean;
}

/** Matches as far as it goes. */
export function take(on: World, taker: NaiveOrder): Taken {
	const { rules, last, now } = on;
	const result = { stopped: null as Stopped, cut: 0, met: false, touched: false };
	let unspent = taker.notional;
	for (;;) {
		const maker = bestFor(on, taker);
		if (!maker || maker.ticks === null) return result;
		if (taker.notional === null && left(taker) === result.cut) return result;
		const { ticks } = maker;
		// The band stands where the last price was before the command.
		if (beyondBand(rules, last, taker.side, ticks)) return { ...result, stopped: "band" };
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
		while (unspent !== null && lots > 0 && cost(rules, ticks, lots) > unspent) lots--;
		const short = unspent !== null && lots < maker.shown;
		if (unspent !== null) unspent -= cost(rules, ticks, lots);
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
		tell(on, maker, maker.filled > 0 ? "partially_filled" : "open");
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
	tell(on, maker, left(maker) === 0 ? "filled" : "partially_filled");
	if (left(maker) === 0) endTwin(on, maker, "canceled");
	else shrinkTwin(on, maker, lots);
}
