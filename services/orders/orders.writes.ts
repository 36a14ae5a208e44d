import { type Batcher, batcher } from "../../lib/batch.ts";
import { failpoint } from "../../lib/failpoint.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { type OrderRecord, shown } from "./domain/order.ts";
import { countOpen, lockOpening } from "./open-orders.store.ts";
import { applyChanges, type Change, type Followers, toldOf } from "./orders.changes.ts";
import { type Draft, insertOrders, readByClientIds } from "./orders.store.ts";

const MAX_BATCH = 256;
const MAX_QUEUE = 10_000;

/** An order as it was kept now, with the count of its user's open orders, it among them; or as it was kept before. */
export type Kept =
	| { readonly replayed: false; readonly order: OrderRecord; readonly openOrders: number }
	| { readonly replayed: true; readonly order: OrderRecord };

/** The two writes on the path of an order, each as a group commit. */
export interface Writes {
	/** Keeps a draft as `pending`, once per `client_order_id`. */
	readonly keep: Batcher<Draft, Kept>;
	/** Applies what execution brought; gives the order after it, or null when that had been applied before. */
	readonly apply: Batcher<Change, OrderRecord | null>;
}

/** The group commits of one node. */
export function openWrites(orders: Database & Followers): Writes {
	return {
		keep: batcher({ maxBatch: MAX_BATCH, maxQueue: MAX_QUEUE, run: (drafts) => keepAll(orders, drafts) }),
		apply: batcher({ maxBatch: MAX_BATCH, maxQueue: MAX_QUEUE, run: (changes) => applyAll(orders, changes) }),
	};
}

function keepAll(orders: Database & Outbox, drafts: readonly Draft[]): Promise<Kept[]> {
	return orders.db.transaction(async (tx) => {
		lockOpening(
			tx,
			drafts.map((draft) => draft.userId),
		);
		const fresh = await insertOrders(tx, drafts);
		const byId = new Map(fresh.map((order) => [order.order_id, order]));
		const told = drafts.flatMap((draft) => {
			const order = byId.get(draft.orderId);
			return order
				? [toldOf(draft.orderId, { type: "orders.created", aggregate_seq: 1, data: shown(order) }, draft)]
				: [];
		});
		orders.stage(tx, told);
		const [counts, earlier] = await Promise.all([
			countOpen(tx, [...new Set(fresh.map((order) => order.user_id))]),
			earlierOnes(
				tx,
				drafts.filter((draft) => !byId.has(draft.orderId)),
			),
		]);
		const openOrders = placeInCounts(fresh, counts);
		failpoint("orders.keep_before_commit");
		tx.afterCommit(() => failpoint("orders.keep_after_commit"));
		return drafts.map((draft): Kept => {
			const order = byId.get(draft.orderId);
			if (order) return { order, replayed: false, openOrders: openOrders.get(order.order_id) as number };
			const replay = earlier.get(keyOf(draft.userId, draft.terms.client_order_id));
			if (!replay) throw new Error(`order ${draft.orderId} was neither kept nor found`);
			return { order: replay, replayed: true };
		});
	});
}

/** Each order's number among its user's open ones: those of one batch follow each other. */
function placeInCounts(fresh: readonly OrderRecord[], counts: ReadonlyMap<string, number>): Map<string, number> {
	const left = new Map(counts);
	const places = new Map<string, number>();
	for (const order of fresh.toReversed()) {
		const place = left.get(order.user_id) ?? 0;
		places.set(order.order_id, place);
		left.set(order.user_id, place - 1);
	}
	return places;
}

async function earlierOnes(
	tx: Parameters<typeof readByClientIds>[0],
	drafts: readonly Draft[],
): Promise<Map<string, OrderRecord>> {
	if (drafts.length === 0) return new Map();
	const keys = drafts.map((draft) => ({ userId: draft.userId, clientOrderId: draft.terms.client_order_id as string }));
	const found = await readByClientIds(tx, keys);
	return new Map(found.map((order) => [keyOf(order.user_id, order.client_order_id), order]));
}

function keyOf(userId: string, clientOrderId: string | null): string {
	return `${userId}/${clientOrderId}`;
}

function applyAll(orders: Database & Followers, changes: readonly Change[]): Promise<(OrderRecord | Error | null)[]> {
	return orders.db.transaction(async (tx) => {
		const applied = await applyChanges(orders, tx, changes);
		failpoint("orders.apply_before_commit");
		tx.afterCommit(() => failpoint("orders.apply_after_commit"));
		return applied;
	});
}
