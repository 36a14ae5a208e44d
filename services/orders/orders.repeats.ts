import type { Instrument } from "../../contracts/data.ts";
import type { PlaceOrder } from "../../contracts/orders.ts";
import { refuse } from "../../lib/refuse.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import { hasLegs } from "./domain/family.ts";
import type { OrderRecord } from "./domain/order.ts";
import { type CheckedPlacement, checkPlacement } from "./domain/placement.ts";
import type { CheckedOrder } from "./domain/request.ts";
import { readLegs } from "./legs.store.ts";
import { findEarlier } from "./orders.store.ts";

type Checked = Extract<CheckedPlacement, { readonly ok: true }>;

/** A checked request with the key that it came under. */
type Repeat = Pick<Checked, "terms" | "legs"> & { readonly idempotencyKey: string | null };

/** The order that a request made which is wrong by now for its `expires_at` alone: that was in the future once. */
export async function findRepeated(
	orders: Database,
	asked: {
		readonly userId: string;
		readonly idempotencyKey: string | null;
		readonly request: PlaceOrder;
		readonly instrument: Instrument;
	},
): Promise<OrderRecord | null> {
	const { userId, idempotencyKey, request, instrument } = asked;
	const checked = checkPlacement(request, instrument, new Date(0));
	if (!checked.ok || (idempotencyKey === null && checked.terms.client_order_id === null)) return null;
	const claim = { userId, idempotencyKey, terms: checked.terms };
	const order = (await findEarlier(orders.db, [claim]))(claim);
	if (order) await assertRepeated(orders, order, { ...checked, idempotencyKey });
	return order ?? null;
}

/** Refuses a request under the key, or else the `client_order_id`, of an order that another request has made. */
export async function assertRepeated(orders: Database, order: OrderRecord, repeat: Repeat): Promise<void> {
	if (await isRequestOf(orders, order, repeat)) return;
	const underKey = repeat.idempotencyKey !== null && repeat.idempotencyKey === order.idempotency_key;
	throw refuse(underKey ? "IDEMPOTENCY_KEY_REUSED" : "CLIENT_ORDER_ID_REUSED");
}

async function isRequestOf({ db }: Database, order: OrderRecord, { terms, legs }: Repeat): Promise<boolean> {
	if (fingerprintOf({ ...order, quantity: order.ordered_quantity }) !== fingerprintOf(terms)) return false;
	const kept = hasLegs(order) ? await readLegs(db, [order.order_id]) : [];
	return JSON.stringify(kept.map(legPrintOf)) === JSON.stringify(legs.map(legPrintOf));
}

/** What a request says of a leg itself. */
function legPrintOf(leg: CheckedOrder): readonly unknown[] {
	return [leg.order_type, leg.price, leg.stop_price, leg.trail_amount, leg.trail_percent];
}

/** What makes two requests the same: all that the client has said, key order aside. */
function fingerprintOf(terms: CheckedOrder): string {
	const metadata = Object.entries(terms.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
	return JSON.stringify([
		terms.client_order_id,
		terms.order_class,
		terms.symbol,
		terms.side,
		terms.order_type,
		terms.time_in_force,
		terms.quantity,
		terms.notional,
		terms.price,
		terms.stop_price,
		terms.trail_amount,
		terms.trail_percent,
		// Of a `day` order it is the database's.
		terms.time_in_force === "gtd" ? terms.expires_at : null,
		terms.post_only,
		terms.reduce_only,
		terms.display_quantity,
		terms.self_trade_prevention,
		metadata,
	]);
}
