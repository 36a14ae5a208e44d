import { setTimeout as delay } from "node:timers/promises";
import type { Order } from "../../../contracts/orders.ts";
import type { Send } from "../../support/http-client.ts";
import { seeded } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import {
	type Answer,
	type Asked,
	type ClientLog,
	type Entry,
	isSuccess,
	settledBy,
	type Trader,
} from "./client-log.ts";
import { anyOrder, anyPrice } from "./wishes.ts";

/** Traders who ask for things, and ask again until they know. */
export interface Traffic {
	readonly log: ClientLog;
	/** Begins requests at the rate, until it is paused. */
	resume(): void;
	/** How many requests have failed, and are not settled yet. */
	failing(): number;
	/** Begins no more; resolves when all are settled, and rejects when that takes longer than `limitMs`. */
	pause(limitMs: number): Promise<void>;
	/** Begins no more, and gives up what is not settled. */
	stop(): void;
}

interface TrafficOptions {
	readonly send: Send;
	readonly traders: readonly Trader[];
	readonly perSecond: number;
	readonly seed: number;
	/** What would begin beside so many others does not: as many as a crowd of programs has under way, unless told. */
	readonly maxUnderWay?: number;
	/** Told of each new order that was executed or rests, and when its request was sent: by `performance.now()`. */
	onPlaced?(sentAt: number): void;
}

interface Heard extends Pick<Answer, "status" | "body"> {
	readonly replayed: boolean;
	/** How long the server wants to be left alone. */
	readonly retryAfterMs: number;
}

/** The gateway answers within 5 s, whatever happens behind it. */
const ANSWER_TIMEOUT_MS = 6_000;
/** What nobody has answered, or nobody knows the outcome of, is sent again after so long: docs/api.md. */
const UNKNOWN_AGAIN_MS = 5_000;
const GATEWAY_TIMEOUT = 504;
const MAX_UNDER_WAY = 100;
const TICK_MS = 10;
const FIRST_BACKOFF_MS = 200;
const BACKOFF_FACTOR = 4;
/** Clients that all come back soon would be a load of their own, under which nothing recovers. */
const MAX_BACKOFF_MS = 12_800;
const SETTLED_POLL_MS = 50;
const CREATED = 201;

/** What a trader does of what he could: the rest are new orders. He cancels always when he has this many open. */
const CANCEL_SHARE = 0.2;
const REPLACE_SHARE = 0.08;
const MAX_OPEN = 40;
const WORKING: ReadonlySet<unknown> = new Set(["held", "open", "partially_filled"]);

/** The traffic of `traders`. The same seed gives the same wishes as far as their orders fare the same. */
export function traffic({
	send,
	traders,
	perSecond,
	seed,
	maxUnderWay = MAX_UNDER_WAY,
	onPlaced,
}: TrafficOptions): Traffic {
	const random = seeded(seed);
	const log: Entry[] = [];
	/** Orders that were answered as working, by trader, and which no request under way is about. */
	const open = new Map<Trader, Order[]>(traders.map((trader) => [trader, []]));
	let underWay = 0;
	let failing = 0;
	let timer: NodeJS.Timeout | undefined;
	let resumedAt = 0;
	let begun = 0;
	let stopped = false;

	function tick(): void {
		const due = Math.floor(((performance.now() - resumedAt) / 1_000) * perSecond);
		for (; begun < due; begun++) if (underWay < maxUnderWay) begin();
	}

	function begin(): void {
		const trader = traders[Math.floor(random() * traders.length)] as Trader;
		const begunAt = performance.now();
		const entry: Entry = { user_id: trader.user_id, asked: anyWish(trader), begunAt, answers: [] };
		log.push(entry);
		underWay += 1;
		void settle(trader, entry).finally(() => (underWay -= 1));
	}

	function anyWish(trader: Trader): Asked {
		const own = open.get(trader) ?? [];
		const choice = own.length > MAX_OPEN ? 0 : random();
		if (own.length === 0 || choice >= CANCEL_SHARE + REPLACE_SHARE)
			return { kind: "place", order: anyOrder(random, `${seed}-${log.length}`) };
		const [chosen] = own.splice(Math.floor(random() * own.length), 1) as [Order];
		const { order_id, symbol, price } = chosen;
		// A stop that takes any price has none that could be another.
		if (choice < CANCEL_SHARE || price === null) return { kind: "cancel", order_id };
		return { kind: "replace", order_id, price: anyPrice(symbol, random) };
	}

	async function settle(trader: Trader, entry: Entry): Promise<void> {
		let backoffMs = FIRST_BACKOFF_MS;
		let notBeforeMs = 0;
		while (!stopped && !settledBy(entry)) {
			if (entry.answers.length > 0) {
				if (entry.answers.length === 1) failing += 1;
				await delay(Math.max(notBeforeMs, backoffMs * (0.5 + Math.random())));
				backoffMs = Math.min(BACKOFF_FACTOR * backoffMs, MAX_BACKOFF_MS);
			}
			const sentAt = performance.now();
			const { replayed, retryAfterMs, status, body } = await ask(trader, entry.asked);
			const answer = { status, body, sentAt, answeredAt: performance.now() };
			entry.answers.push(answer);
			const isUnknown = status === 0 || status === GATEWAY_TIMEOUT;
			notBeforeMs = isUnknown ? UNKNOWN_AGAIN_MS : retryAfterMs;
			if (isSuccess(answer)) note(trader, body as unknown as Order);
			if (status === CREATED && !replayed) onPlaced?.(sentAt);
		}
		if (entry.answers.length > 1) failing -= 1;
	}

	function note(trader: Trader, order: Order): void {
		if (WORKING.has(order.status)) open.get(trader)?.push(order);
	}

	async function ask({ key }: Trader, asked: Asked): Promise<Heard> {
		const options = { headers: key, timeoutMs: ANSWER_TIMEOUT_MS };
		const reply = () => {
			if (asked.kind === "place") return send("POST /api/orders", { ...options, body: asked.order });
			if (asked.kind === "cancel") return send(`DELETE /api/orders/${asked.order_id}`, options);
			const { kind: _, order_id, ...body } = asked;
			return send(`PATCH /api/orders/${order_id}`, { ...options, body });
		};
		// A connection that was cut, and an answer that did not come in time or not whole, tell nothing.
		return reply().then(
			({ status, body, headers }) => ({
				status,
				body,
				replayed: headers.has("Idempotency-Replayed"),
				retryAfterMs: 1_000 * Number(headers.get("Retry-After") ?? 0),
			}),
			() => ({ status: 0, body: {}, replayed: false, retryAfterMs: 0 }),
		);
	}

	return {
		log,
		failing: () => failing,
		resume() {
			resumedAt = performance.now();
			begun = 0;
			timer = setInterval(tick, TICK_MS);
		},
		async pause(limitMs) {
			clearInterval(timer);
			await until(() => underWay === 0, limitMs, SETTLED_POLL_MS);
		},
		stop() {
			clearInterval(timer);
			stopped = true;
		},
	};
}
