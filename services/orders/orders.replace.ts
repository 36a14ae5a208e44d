import type { Context } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { Placement, PlaceOrder, ReplaceOrder } from "../../contracts/orders.ts";
import { callerOf, originOf } from "../../lib/caller.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { newId } from "../../lib/id.ts";
import { compareDecimals, isDecimal, subtractDecimals } from "../../lib/kernel/decimal.ts";
import { refuse, refuseFields } from "../../lib/refuse.ts";
import { roleOf } from "./domain/family.ts";
import { type OrderRecord, shown } from "./domain/order.ts";
import { takes } from "./domain/order-state.ts";
import { type CheckedOrder, checkRequest } from "./domain/request.ts";
import { measureStage } from "./order-metrics.ts";
import { catchUp, drive } from "./orders.drive.ts";
import { readOwnOrder } from "./orders.queries.ts";
import type { Orders } from "./orders.state.ts";

/** A client that waits for its new order is not kept from it by the old one for longer. */
const SETTLE_OLD_TIMEOUT_MS = 1_000;

/**
 * Puts a new order in the place of the caller's open one: with the same terms but for its quantity or price, and
 * without a `client_order_id`. Trading exchanges them in one commit; a new one that is rejected leaves the old one as
 * it is.
 */
export async function replaceOrder(orders: Orders, ctx: Context<ReplaceOrder, Meta>): Promise<Placement> {
	const user = callerOf(ctx);
	const old = await readOwnOrder(orders.db, user.user_id, ctx.params.order_id);
	if (!takes(roleOf(old), old.status, "replace")) {
		const linked = "Orders that belong together are not replaced: cancel them and place others";
		throw refuse("ILLEGAL_TRANSITION", old.order_class === "simple" ? `The order is ${old.status}` : linked);
	}
	const instrument = await orders.instruments.get(old.symbol);
	const terms = changed(old, ctx.params, (request) => checkRequest(request, instrument, new Date()));
	if (compareDecimals(terms.quantity, old.filled_quantity) <= 0)
		throw refuse("TOO_LATE_TO_REPLACE", `The order has filled ${old.filled_quantity} already`);
	const origin = originOf(ctx);
	const keeping = orders.writes.keep({
		orderId: newId(),
		userId: user.user_id,
		idempotencyKey: null,
		terms,
		quantity: subtractDecimals(terms.quantity, old.filled_quantity),
		replaces: old.order_id,
		feeAsset: instrument.quote_asset,
		origin,
	});
	const kept = await measureStage(orders, "keep", keeping);
	if (kept.replayed) throw new Error(`order ${kept.order.order_id} was kept before`);
	const order = await drive(orders, ctx, kept.order, kept.openOrders, origin.actor);
	if (order.status !== "pending" && order.status !== "rejected") {
		// It would come by an event, too, a moment later, and the new order stands whatever happens here.
		await catchUp(orders, ctx, old, { origin }, SETTLE_OLD_TIMEOUT_MS).catch((error) =>
			orders.logger.warn(`order ${old.order_id} will learn by an event that it is replaced`, error),
		);
	}
	failpoint("orders.before_reply");
	return { order: shown(order), replayed: false };
}

/** The old order's terms with what is to be other. */
function changed(
	old: OrderRecord,
	{ quantity, price }: ReplaceOrder,
	check: (request: PlaceOrder) => ReturnType<typeof checkRequest>,
): CheckedOrder {
	if (quantity === undefined && price === undefined)
		throw refuseFields([{ pointer: "/quantity", code: "REQUIRED", message: "a replace needs a quantity or a price" }]);
	const checked = check({ ...given(old, quantity ?? old.quantity), ...(price !== undefined && { price }) });
	if (!checked.ok) throw refuseFields(checked.errors);
	// A `day` order keeps the end of the day that it was made on.
	return { ...checked.terms, expires_at: old.expires_at };
}

/** The request for an order like `old` of that quantity; one that would show all of itself is no iceberg any more. */
function given(old: OrderRecord, quantity: string): PlaceOrder {
	const { price, stop_price, trail_amount, trail_percent, expires_at, display_quantity: display } = old;
	const iceberg = display !== null && isDecimal(quantity) && compareDecimals(display, quantity) < 0;
	const optional = { price, stop_price, trail_amount, trail_percent, display_quantity: iceberg ? display : null };
	return {
		symbol: old.symbol,
		side: old.side,
		order_type: old.order_type,
		time_in_force: old.time_in_force,
		quantity,
		post_only: old.post_only,
		reduce_only: old.reduce_only,
		self_trade_prevention: old.self_trade_prevention,
		metadata: old.metadata,
		...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
		...(old.time_in_force === "gtd" && expires_at !== null && { expires_at }),
	};
}
