import { batcher } from "../../lib/batch.ts";
import type { Tx } from "../../lib/db.ts";
import { failpoint } from "../../lib/failpoint.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { type OrderRecord, shown } from "./domain/order.ts";
import { countOpen, lockOpening } from "./open-orders.store.ts";
import { applyChanges, type Change, type Followers, toldOf } from "./orders.changes.ts";
import { type Draft, findEarlier, insertOrders } from "./orders.store.ts";

const MAX_BATCH = 256;
const MAX_QUEUE = 10_000;

/** An order as it was kept now, with the count of its user's open orders, it among them; or as it was kept before. */
export type Kept =
	| { readonly replayed: false; readonly order: OrderRecord; readonly openOrders: number }
	| { readonly replayed: true; readonly order: OrderRecord };

/** The two writes on the path of an order. Those of both kinds that come together share one commit. */
export interface Writes {
	/** Keeps a draft as `pending`, once per key and per `client_order_id`. */
	keep(draft: Draft): Promise<Kept>;
	/** Applies what execution brought; gives the order after it, or null when that had been applied before. */
	apply(change: Change): Promise<OrderRecord | null>;
	/** Resolves when nothing waits or runs any more. */
	drained(): Promise<void>;
}

type Write = { readonly kind: "keep"; readonly draft: Draft } | { readonly kind: "apply"; readonly change: Change };

/** The group commit of one node. */
export function openWrites(orders: Database & Followers): Writes {
	const writes = batcher<Write, Kept | OrderRecord | null>({
		maxBatch: MAX_BATCH,
		maxQueue: MAX_QUEUE,
		run: (batch) => writeAll(orders, batch),
	});
	return {
		keep: (draft) => writes.add({ kind: "keep", draft }) as Promise<Kept>,
		apply: (change) => writes.add({ kind: "apply", change }) as Promise<OrderRecord | null>,
		drained: writes.drained,
	};
}

function writeAll(
	orders: Database & Followers,
	writes: readonly Write[],
): Promise<(Kept | OrderRecord | Error | null)[]> {
	const drafts = writes.flatMap((write) => (write.kind === "keep" ? [write.draft] : []));
	const changes = writes.flatMap((write) => (write.kind === "apply" ? [write.change] : []));
	return orders.db.transaction(async (tx) => {
		const [kept, applied] = await Promise.all([
			drafts.length > 0 ? keepAll(orders, tx, drafts) : [],
			changes.length > 0 ? applyAll(orders, tx, changes) : [],
		]);
		const [keptOnes, appliedOnes] = [kept.values(), applied.values()];
		return writes.map(({ kind }) => (kind === "keep" ? keptOnes : appliedOnes).next().value ?? null);
	});
}

async function keepAll(orders: Outbox, tx: Tx, drafts: readonly Draft[]): Promise<Kept[]> {
	const users = [...new Set(drafts.map((draft) => draft.userId))];
	lockOpening(tx, users);
	const [fresh, counts] = await Promise.all([insertOrders(tx, drafts), countOpen(tx, users)]);
	const byId = new Map(fresh.map((order) => [order.order_id, order]));
	const told = drafts.flatMap((draft) => {
		const order = byId.get(draft.orderId);
		return order
			? [toldOf(draft.orderId, { type: "orders.created", aggregate_seq: 1, data: shown(order) }, draft)]
			: [];
	});
	orders.stage(tx, told);
	const earlierOf = await findEarlier(
		tx,
		drafts.filter((draft) => !byId.has(draft.orderId)),
	);
	const openOrders = placeInCounts(fresh, counts);
	failpoint("orders.keep_before_commit");
	tx.afterCommit(() => failpoint("orders.keep_after_commit"));
	return drafts.map((draft): Kept => {
		const order = byId.get(draft.orderId);
		if (order) return { order, replayed: false, openOrders: openOrders.get(order.order_id) as number };
		const earlier = earlierOf(draft);
		if (!earlier) throw new Error(`order ${draft.orderId} was neither kept nor found`);
		return { order: earlier, replayed: true };
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

async function applyAll(
	orders: Followers,
	tx: Tx,
	changes: readonly Change[],
): Promise<(OrderRecord | Error | null)[]> {
	const applied = await applyChanges(orders, tx, changes);
	failpoint("orders.apply_before_commit");
	tx.afterCommit(() => failpoint("orders.apply_after_commit"));
	return applied;
}
