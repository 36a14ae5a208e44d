import type { RejectCode } from "../../contracts/orders.ts";
import type { ExecutionReport } from "../../contracts/trading.ts";
import type { Origin } from "../../lib/caller.ts";
import type { Tx } from "../../lib/db.ts";
import { tooEarly } from "../../lib/event-bus/consumer.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { endWaiting } from "./domain/family.ts";
import { type Applied, applyReport, type OrderEvent, type OrderRecord, reject } from "./domain/order.ts";
import { followFamilies } from "./orders.follow.ts";
import { lockBehind, updateOrders } from "./orders.store.ts";
import type { Rounds } from "./rounds.ts";

/**
 * What is to happen to an order: a report of its execution, its rejection before it reached a book, or its end while it
 * waits for an entry.
 */
export type Change = { readonly orderId: string } & Cause &
	(
		| { readonly kind: "report"; readonly report: ExecutionReport }
		| { readonly kind: "reject"; readonly code: RejectCode }
		| { readonly kind: "end"; readonly status: "canceled" | "expired" }
	);

/** What led to a change: a request, and the event that brought it here where one did. */
export interface Cause {
	readonly origin: Origin;
	readonly causationId?: string;
}

/** What changes are told by, and those who go on with the exits that they activate. */
export type Followers = Outbox & { readonly exitSweeper: Rounds };

/** What is no report stands before every report. */
const BEFORE_ANY_REPORT = 1;

/**
 * Applies changes in their order and tells of them, in one transaction. Gives per change the order after it, null when
 * it had been applied before, or why it could not be: `tooEarly` when its predecessor has yet to come.
 */
export async function applyChanges(
	orders: Followers,
	tx: Tx,
	changes: readonly Change[],
): Promise<(OrderRecord | Error | null)[]> {
	const { orders: locked, now } = await lockBehind(tx, furthestOf(changes));
	const changed = new Map<string, OrderRecord>();
	const causes = new Map<string, Cause>();
	const events: Staged[] = [];
	const results = changes.map((change) => {
		const order = locked.get(change.orderId);
		const applied = order && applyOne(order, change, now);
		if (!applied) return null;
		if (!applied.ok) return whyNot(order, change, applied.reason);
		locked.set(order.order_id, applied.order);
		changed.set(order.order_id, applied.order);
		causes.set(order.order_id, change);
		events.push(...applied.events.map((event) => toldOf(change.orderId, event, change)));
		return applied.order;
	});
	for (const { order, events: told, from } of await followFamilies(tx, changed, now)) {
		changed.set(order.order_id, order);
		events.push(...told.map((event) => toldOf(order.order_id, event, causes.get(from.order_id) as Cause)));
		if (order.status === "pending") tx.afterCommit(() => orders.exitSweeper.kick());
	}
	updateOrders(tx, [...changed.values()]);
	orders.stage(tx, events);
	return results;
}

function furthestOf(changes: readonly Change[]): Map<string, number> {
	const furthest = new Map<string, number>();
	for (const change of changes) {
		const seq = change.kind === "report" ? change.report.report_seq : BEFORE_ANY_REPORT;
		furthest.set(change.orderId, Math.max(seq, furthest.get(change.orderId) ?? 0));
	}
	return furthest;
}

function applyOne(order: OrderRecord, change: Change, now: string): Applied {
	if (change.kind === "reject") return reject(order, change.code, now);
	if (change.kind === "end") return endWaiting(order, change.status, now);
	return applyReport(order, change.report);
}

function whyNot(order: OrderRecord, change: Change, reason: Extract<Applied, { ok: false }>["reason"]): Error | null {
	if (reason === "ALREADY_APPLIED") return null;
	const what =
		change.kind === "report" ? `report ${change.report.report_seq} (${change.report.status})` : `its ${change.kind}`;
	if (reason === "TOO_EARLY") return tooEarly(`order ${order.order_id}: ${what} comes before its predecessor`);
	return new Error(`order ${order.order_id} is ${order.status}: ${what} cannot follow`);
}

/** The event as it is staged. */
export function toldOf(orderId: string, event: OrderEvent, { origin, causationId }: Cause): Staged {
	return { ...event, aggregate_id: orderId, ...origin, causation_id: causationId ?? null };
}
