import { Readable } from "node:stream";
import type { Context } from "moleculer";
import type { ExportPage, Verification } from "../../contracts/audit.ts";
import type { Replayed } from "../../contracts/common.ts";
import type { Meta } from "../../contracts/index.ts";
import type { Order, Placement } from "../../contracts/orders.ts";
import type { Fill, Transfer } from "../../contracts/trading.ts";
import { type RefusalCode, refuse } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import type { Answer } from "./endpoint.ts";

/** The most fills that an order's execution view shows; `/api/trading/fills` gives all of them by pages. */
const MAX_SHOWN_FILLS = 500;

/** A list that is never longer than one page, in the form of a page. */
export function wholeList(items: readonly unknown[] | { readonly items: readonly unknown[] }): Answer {
	return { body: { items: "items" in items ? items.items : items, next_cursor: null } };
}

/** A placed order; one that was rejected is answered as the problem that it met. */
export function placed(placement: Placement): Answer {
	return answerPlaced(placement, placement.order, `/api/orders/${placement.order.order_id}`);
}

/** A placed order as its execution. */
export async function executed(placement: Placement, ctx: Context<unknown, Meta>): Promise<Answer> {
	const { order } = placement;
	refuseRejected(placement);
	const { order_id } = order;
	const body = await execution(order, ctx).catch(() => {
		throw refuse("OUTCOME_UNKNOWN", "The order is placed, but its fills cannot be read now", { order_id });
	});
	return answerPlaced(placement, body, `/api/trading/orders/${order_id}`);
}

/** An order's execution as it stands. */
export async function executionOf(order: Order, ctx: Context<unknown, Meta>): Promise<Answer> {
	return { body: await execution(order, ctx) };
}

/** What was made, now or when the same key came first. */
export function repeatable({ replayed, ...body }: Replayed): Answer {
	return { headers: replayedHeader(replayed), body };
}

/** Money that moved, now or when the same key came first. */
export function transferred({ transfer, replayed }: Replayed & { readonly transfer: Transfer }): Answer {
	return { headers: replayedHeader(replayed), body: transfer };
}

/** A verification: 202 while it runs, to be asked for again. */
export function verification(body: Verification): Answer {
	return body.status === "running" ? { status: 202, body } : { body };
}

/** An export as a file. Its pages are asked for as the client takes them, and no more once it has left. */
export function exported(
	first: ExportPage,
	{ broker, requestID, meta: { user, client } }: Context<unknown, Meta>,
	params: Readonly<Record<string, unknown>>,
): Answer {
	// Without the request's deadline: each page has a time of its own.
	const options = { meta: { user, client }, ...(requestID && { requestID }) };
	async function* pages() {
		let page = first;
		yield page.text;
		while (page.next_cursor !== null) {
			page = await call(broker, "audit.export", { ...params, cursor: page.next_cursor }, options);
			yield page.text;
		}
	}
	const csv = params["format"] === "csv";
	return {
		headers: {
			"Content-Type": csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson; charset=utf-8",
			"Content-Disposition": `attachment; filename="audit.${csv ? "csv" : "ndjson"}"`,
		},
		body: Readable.from(pages()),
	};
}

/** Public keys change rarely, and everybody may keep them for a while. */
export function publicKeys(body: unknown): Answer {
	return { headers: { "Cache-Control": "public, max-age=300" }, body };
}

function answerPlaced(placement: Placement, body: unknown, location: string): Answer {
	refuseRejected(placement);
	const { order, replayed } = placement;
	const headers = { Location: location, ...replayedHeader(replayed) };
	return order.status === "pending" ? { status: 202, headers, body } : { headers, body };
}

function refuseRejected({ order: { status, reject_code, order_id }, replayed }: Placement): void {
	if (status === "rejected") throw refuse(reject_code as RefusalCode, undefined, { order_id, replayed });
}

function replayedHeader(replayed: boolean): Readonly<Record<string, string>> {
	return replayed ? { "Idempotency-Replayed": "true" } : {};
}

async function execution(order: Order, ctx: Context<unknown, Meta>) {
	const { order_id, status, updated_at, filled_quantity, average_price } = order;
	return { order_id, status, timestamp: updated_at, filled_quantity, average_price, fills: await fillsOf(order, ctx) };
}

/** An oco is filled by its legs. */
async function fillsOf(order: Order, ctx: Context<unknown, Meta>): Promise<readonly Fill[]> {
	const { order_id, filled_quantity, legs = [] } = order;
	if (filled_quantity === "0") return [];
	if (order.order_class === "oco" && legs.length > 0)
		return (await Promise.all(legs.map((leg) => fillsOf(leg, ctx)))).flat();
	const { items } = await call(ctx, "trading.fills", { order_id, limit: MAX_SHOWN_FILLS });
	return items;
}
