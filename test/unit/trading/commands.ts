import fc from "fast-check";
import { findOrder } from "../../../services/trading/domain/book.ts";
import { close, submit, submitPair } from "../../../services/trading/domain/execute.ts";
import type { Execution } from "../../../services/trading/domain/execution.ts";
import {
	type ExecutionOrder,
	newOrder,
	type OrderTerms,
	type OrderType,
} from "../../../services/trading/domain/order.ts";

export const USERS = ["ann", "bob", "cyd", "dan"] as const;

const TYPES: readonly OrderType[] = [
	...(["limit", "limit", "limit", "limit", "limit", "limit", "limit", "limit"] as const),
	...(["market", "market", "stop", "stop_limit", "trailing_stop"] as const),
];
const price = fc.integer({ min: 94, max: 106 });
const quantities = fc.integer({ min: 1, max: 30 });
/** Nothing more often than a value. */
const seldom = (arbitrary: fc.Arbitrary<number>) =>
	fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
const oneIn = (count: number) => fc.integer({ min: 1, max: count }).map((n) => n === 1);

/** What of this an order has depends on its type. */
const submission = fc.record({
	kind: fc.constant("submit" as const),
	type: fc.constantFrom(...TYPES),
	user: fc.constantFrom(...USERS),
	side: fc.constantFrom("buy" as const, "sell" as const),
	lots: quantities,
	price,
	stop: price,
	tif: fc.constantFrom("gtc" as const, "gtc" as const, "gtc" as const, "ioc" as const, "fok" as const),
	stp: fc.constantFrom("expire_taker", "expire_maker", "expire_both", "decrement", "none"),
	postOnly: oneIn(6),
	reduceOnly: oneIn(30),
	display: seldom(fc.integer({ min: 1, max: 10 })),
	expiresIn: seldom(fc.integer({ min: 0, max: 40 })),
	notional: seldom(fc.integer({ min: 1, max: 4_000 })),
	trailTicks: seldom(fc.integer({ min: 1, max: 5 })),
	trailBps: fc.integer({ min: 1, max: 500 }),
});
/** Of the orders so far, counted from the last one. */
const nth = fc.nat({ max: 40 });
const replacement = fc.record({
	kind: fc.constant("replace" as const),
	nth,
	price: seldom(price),
	lots: seldom(quantities),
});
/** Of two prices the lower one is a sale's stop and the higher one its limit, as a rule; of a buy it is reversed. */
const pairing = fc.record({
	kind: fc.constant("pair" as const),
	user: fc.constantFrom(...USERS),
	side: fc.constantFrom("buy" as const, "sell" as const),
	lots: quantities,
	prices: fc.tuple(price, price),
	crooked: oneIn(10),
	stopType: fc.constantFrom("stop" as const, "stop_limit" as const, "trailing_stop" as const),
	stopLimit: price,
	stp: fc.constantFrom("expire_taker", "expire_maker", "expire_both", "decrement", "none"),
	postOnly: oneIn(6),
	reduceOnly: oneIn(30),
	display: seldom(fc.integer({ min: 1, max: 10 })),
	expiresIn: seldom(fc.integer({ min: 0, max: 40 })),
	trailTicks: seldom(fc.integer({ min: 1, max: 5 })),
	trailBps: fc.integer({ min: 1, max: 500 }),
});
const ending = fc.record({
	kind: fc.constant("end" as const),
	nth,
	status: fc.constantFrom("canceled" as const, "expired" as const),
});

/** Random commands: most of them orders of every kind, some pairs, some replaces and ends of earlier ones. */
export const command = fc.oneof(
	{ weight: 10, arbitrary: submission },
	{ weight: 3, arbitrary: pairing },
	{ weight: 3, arbitrary: replacement },
	{ weight: 2, arbitrary: ending },
);
export type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** A new order as its user asked for it, with its quantity and stop. */
export interface Asked {
	readonly terms: OrderTerms;
	readonly lots: number;
	readonly stop: number | null;
}

/** One step of a run: a new order, a pair of them, or the end of an earlier one. */
export interface Step {
	readonly asked: Asked;
	/** The stop of a pair. */
	readonly stop: Asked | null;
	readonly id: string;
	readonly end: "canceled" | "expired" | null;
	readonly atMs: number;
}

/** The steps that commands come to, one ms after the other; what refers to no order is left out. */
export function stepsOf(all: readonly Command[]): Step[] {
	const orders: Asked[] = [];
	return all.flatMap((next, i): Step[] => {
		const [id, atMs] = [`o${i}`, i + 1];
		if (next.kind === "pair") {
			const [asked, stop] = pairFor(next, id, atMs);
			orders.push(asked, stop);
			return [{ asked, stop, id, end: null, atMs }];
		}
		const old = next.kind === "submit" ? undefined : orders.at(-1 - next.nth);
		if (next.kind === "end") {
			return old ? [{ asked: old, stop: null, id: old.terms.orderId, end: next.status, atMs }] : [];
		}
		const asked = next.kind === "submit" ? askedFor(next, id, atMs) : replacing(old, next, id);
		if (!asked) return [];
		orders.push(asked);
		return [{ asked, stop: null, id, end: null, atMs }];
	});
}

/** The orders of a step as they are before anything has happened to them. */
export function ordersOfStep({ asked, stop }: Step): ExecutionOrder[] {
	return [asked, ...(stop ? [stop] : [])].map((order) => newOrder(order.terms, order.lots, order.stop));
}

/** Takes steps; `after` sees each that could be taken. */
export function run(execution: Execution, steps: readonly Step[], after: (step: Step) => void = () => {}): void {
	for (const step of steps) {
		Object.assign(execution, { nowMs: step.atMs });
		const [order, stop] = ordersOfStep(step);
		if (!step.end && order && stop) submitPair(execution, order, stop);
		else if (!step.end && order) submit(execution, order);
		else if (step.end && findOrder(execution.book, step.id)) close(execution, step.id, step.end);
		else continue;
		after(step);
	}
}

function pairFor(next: Extract<Command, { kind: "pair" }>, orderId: string, atMs: number): [Asked, Asked] {
	const { side, lots, stopType } = next;
	const [low, high] = [Math.min(...next.prices), Math.max(...next.prices)];
	const [limit, stop] = (side === "sell") !== next.crooked ? [high, low] : [low, high];
	const trails = stopType === "trailing_stop";
	const common = {
		userId: next.user,
		side,
		timeInForce: "gtc",
		notional: null,
		reduceOnly: next.reduceOnly,
		selfTradePrevention: next.stp,
		expiresAtMs: next.expiresIn === null ? null : atMs + next.expiresIn,
		replaces: null,
	} as const;
	const stopId = `${orderId}s`;
	const none = { trailTicks: null, trailBps: null, postOnly: false, displayLots: null };
	return [
		{
			terms: {
				...common,
				...none,
				orderId,
				orderType: "limit",
				priceTicks: limit,
				postOnly: next.postOnly,
				displayLots: next.display,
				linkedTo: stopId,
			},
			lots,
			stop: null,
		},
		{
			terms: {
				...common,
				...none,
				orderId: stopId,
				orderType: stopType,
				priceTicks: stopType === "stop_limit" ? next.stopLimit : null,
				trailTicks: trails ? next.trailTicks : null,
				trailBps: trails && next.trailTicks === null ? next.trailBps : null,
				linkedTo: orderId,
			},
			lots,
			stop: trails ? null : stop,
		},
	];
}

function askedFor(next: Extract<Command, { kind: "submit" }>, orderId: string, atMs: number): Asked {
	const { type, side } = next;
	const priced = type === "limit" || type === "stop_limit";
	const timeInForce = priced || next.tif !== "ioc" ? next.tif : "gtc";
	const notional = type === "market" && side === "buy" && next.notional !== null ? BigInt(next.notional) : null;
	const trails = type === "trailing_stop";
	return {
		terms: {
			orderId,
			userId: next.user,
			side,
			orderType: type,
			timeInForce,
			priceTicks: priced ? next.price : null,
			notional,
			trailTicks: trails ? next.trailTicks : null,
			trailBps: trails && next.trailTicks === null ? next.trailBps : null,
			postOnly: priced && timeInForce === "gtc" && next.postOnly,
			reduceOnly: next.reduceOnly,
			displayLots: priced && timeInForce === "gtc" ? next.display : null,
			selfTradePrevention: next.stp,
			expiresAtMs: next.expiresIn === null ? null : atMs + next.expiresIn,
			replaces: null,
			linkedTo: null,
		},
		lots: notional === null ? next.lots : 0,
		stop: type === "stop" || type === "stop_limit" ? next.stop : null,
	};
}

/** Only what may rest or wait for a price is ever replaced, as `orders` sees to it. */
function replacing(old: Asked | undefined, next: Extract<Command, { kind: "replace" }>, orderId: string): Asked | null {
	if (!old || old.terms.orderType === "market" || ["ioc", "fok"].includes(old.terms.timeInForce)) return null;
	const { priceTicks, displayLots } = old.terms;
	const lots = next.lots ?? old.lots;
	return {
		...old,
		terms: {
			...old.terms,
			orderId,
			replaces: old.terms.orderId,
			linkedTo: null,
			priceTicks: priceTicks === null ? null : (next.price ?? priceTicks),
			displayLots: displayLots !== null && displayLots < lots ? displayLots : null,
		},
		lots,
	};
}
