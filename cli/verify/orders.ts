import type { Db } from "../../lib/db.ts";
import { mayBecome, type Status } from "../../services/orders/domain/order-state.ts";
import { type AllDatabases, rowsOf, sideBySide } from "./databases.ts";
import { type Invariant, MAX_OFFENCES, offencesOf } from "./invariant.ts";

/** What was being kept while a halt arrived may have been allowed once the halt was over. */
const KEEPING = "5 seconds";

/** What must hold of orders: between `orders` and `trading`, and of the events that tell of them. */
export const ORDER_INVARIANTS: readonly Invariant[] = [
	{
		id: "I4",
		says: "every order is kept once and stands in orders as it does in trading",
		check: differingOrders,
	},
	{
		id: "I6",
		says: "the events of an order are numbered without a gap, follow legal steps and end with its end",
		check: ({ orders }) => illegalHistories(orders),
	},
	{
		id: "I14",
		says: "no order is open that a halt was to cancel",
		check: ({ orders }) =>
			offencesOf(
				orders,
				`SELECT 'order ' || order_id || ' (' || status || ') was to be canceled by event ' || event_id AS offence
				FROM cancel_sweeps s JOIN orders o ON o.symbol = coalesce(s.symbol, o.symbol)
					AND o.user_id = coalesce(s.user_id, o.user_id) AND o.side = coalesce(s.side, o.side)
				WHERE closed_at IS NULL AND created_at <= created_until - interval '${KEEPING}'`,
			),
	},
	{
		id: "I15",
		says: "orders keep their terms: by notional, fill-or-kill, and in the place of another",
		check: ({ trading }) => offencesOf(trading, BROKEN_TERMS),
	},
	{
		id: "I16",
		says: "of orders that belong together one cancels the other, and together they trade what was asked for at most",
		check: async ({ orders, trading }) => [
			...(await offencesOf(trading, BROKEN_PAIRS)),
			...(await offencesOf(orders, BROKEN_FAMILIES)),
		],
	},
];

/** A limit works exactly while its stop waits, and both have as much left. */
const BROKEN_PAIRS = `
	SELECT 'orders ' || limits.order_id || ' (' || limits.status || ') and ' || stops.order_id || ' (' || stops.status
		|| ') are not what a pair can be' AS offence
	FROM orders limits JOIN orders stops ON stops.order_id = limits.linked_to, LATERAL (SELECT
		limits.status IN ('open', 'partially_filled') AS rests, stops.status = 'held' AS waits) w
	WHERE limits.order_type = 'limit' AND (rests <> waits
		OR limits.filled_lots + stops.filled_lots > limits.quantity_lots
		OR (rests AND limits.quantity_lots - limits.filled_lots <> stops.quantity_lots))`;

/** An oco ends with its legs and is filled by them; exits trade what their entry has at most. */
const BROKEN_FAMILIES = `
	SELECT parent.order_class || ' ' || parent.order_id || ' (' || parent.status || ') is not what its legs make it'
		AS offence
	FROM orders parent, LATERAL (
		SELECT coalesce(sum(filled_quantity), 0) AS filled, count(*) FILTER (WHERE closed_at IS NULL) AS open,
			count(*) FILTER (WHERE closed_at IS NULL AND status = 'held' AND report_seq = 0) AS waiting
		FROM orders WHERE parent_id = parent.order_id) legs
	WHERE parent.parent_id IS NULL AND CASE parent.order_class
		WHEN 'oco' THEN parent.filled_quantity <> filled OR (parent.closed_at IS NULL) <> (open > 0)
		WHEN 'bracket' THEN filled > parent.filled_quantity OR (parent.closed_at IS NOT NULL AND waiting > 0) END`;

const BROKEN_TERMS = `
	SELECT 'order ' || order_id || ' cost more than its notional' AS offence FROM orders
	WHERE filled_notional + fee > notional
	UNION ALL SELECT 'fill-or-kill order ' || order_id || ' is filled in part' FROM orders
	WHERE time_in_force = 'fok' AND filled_lots > 0 AND (status <> 'filled' OR filled_lots <> quantity_lots)
	UNION ALL SELECT 'order ' || old.order_id || ' (' || old.status || ') and the one in its place do not name each other'
	FROM orders old LEFT JOIN orders new ON new.order_id = old.replaced_by
	WHERE (old.status = 'replaced') <> (old.replaced_by IS NOT NULL)
		OR (old.replaced_by IS NOT NULL AND new.replaces IS DISTINCT FROM old.order_id)`;

const ENDED_UNFILLED = /^(canceled|expired) filled 0 /;

interface OrderSide {
	readonly key: string;
	readonly state: string;
}

/**
 * An order that risk has denied never reaches trading, unless to be kept as ended because somebody ended it meanwhile;
 * one that is pending may or may not have.
 */
async function differingOrders({ orders, trading }: AllDatabases): Promise<string[]> {
	const kept = rowsOf<OrderSide & { readonly reached: boolean; readonly denied: boolean }>(
		orders,
		`SELECT order_id::text AS key, report_seq > 0 AS reached,
			report_seq = 0 AND status = 'rejected' AS denied, concat_ws(' ', status, 'filled',
			trim_scale(filled_quantity), 'of', trim_scale(quantity), 'for', trim_scale(filled_notional),
			'fee', trim_scale(fee), 'report', report_seq
		) AS state FROM orders WHERE ($1::uuid IS NULL OR order_id > $1) ORDER BY order_id LIMIT $2`,
	);
	const executed = rowsOf<OrderSide>(
		trading,
		`SELECT order_id::text AS key, concat_ws(' ', o.status, 'filled', trim_scale(filled_lots * lot_size), 'of',
			trim_scale(quantity_lots * lot_size), 'for', trim_scale(filled_notional), 'fee', trim_scale(fee),
			'report', report_seq) AS state
		FROM orders o JOIN markets USING (symbol) WHERE ($1::uuid IS NULL OR order_id > $1) ORDER BY order_id LIMIT $2`,
	);
	const offences: string[] = [];
	for await (const { key, left, right } of sideBySide(kept, executed)) {
		if (left && !left.reached && !right) continue;
		if (left?.denied && right && ENDED_UNFILLED.test(right.state)) continue;
		if (left?.state === right?.state) continue;
		offences.push(`order ${key}: orders has ${left?.state ?? "nothing"}, trading ${right?.state ?? "nothing"}`);
		if (offences.length === MAX_OFFENCES) break;
	}
	return offences;
}

interface Told {
	readonly key: string;
	readonly events: readonly {
		readonly seq: number;
		readonly type: string;
		readonly from: Status | null;
		readonly to: Status | null;
		/** What an order was when it was kept. */
		readonly first: Status | null;
	}[];
	readonly status: Status;
	readonly event_seq: number;
}

async function illegalHistories(orders: Db): Promise<string[]> {
	const histories = rowsOf<Told>(
		orders,
		`SELECT o.order_id::text AS key, o.status, o.event_seq, e.events FROM orders o, LATERAL (
			SELECT coalesce(json_agg(json_build_object(
				'seq', aggregate_seq, 'type', type, 'from', data->>'from', 'to', data->>'to',
				'first', data->>'status')
				ORDER BY aggregate_seq), '[]') AS events
			FROM outbox WHERE aggregate_id = o.order_id::text) e
		WHERE ($1::uuid IS NULL OR o.order_id > $1) ORDER BY o.order_id LIMIT $2`,
	);
	const offences: string[] = [];
	for await (const history of histories) {
		const wrong = wrongStep(history);
		if (wrong) offences.push(`order ${history.key}: ${wrong}`);
		if (offences.length === MAX_OFFENCES) break;
	}
	return offences;
}

function wrongStep({ events, status, event_seq: lastSeq }: Told): string | null {
	// The first ones may have been let go; when they must not have been, the history tells.
	const gone = (events[0]?.seq ?? lastSeq + 1) - 1;
	let current: Status | null = gone === 0 ? (events[0]?.first ?? null) : null;
	for (const [i, { seq, type, from, to }] of events.entries()) {
		if (seq !== gone + i + 1) return `event ${gone + i + 1} is missing or doubled`;
		if ((seq === 1) !== (type === "orders.created")) return `event ${seq} is ${type}`;
		if (type !== "orders.status_updated" || !from || !to) continue;
		if (from !== (current ?? from) || !mayBecome(from, to))
			return `event ${seq} goes from ${from} to ${to} while it was ${current}`;
		current = to;
	}
	if (gone + events.length !== lastSeq) return `${events.length} events are told, ${lastSeq - gone} counted`;
	return (current ?? status) === status ? null : `its events end with ${current}, it is ${status}`;
}
