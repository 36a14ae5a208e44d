import { v7 as newId } from "uuid";
import type { Tx } from "../../../lib/db.ts";
import { stage } from "../../../lib/event-bus/outbox.ts";
import { createInbox, createOutbox } from "../../../lib/event-bus/schema.ts";

/** A typing error in a price or a quantity is caught by it, an ordinary order is not. */
const DEFAULT_MAX_ORDER_NOTIONAL = "10000000";

/** Limits with the default row, last prices, and the decision on each order. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(POSITIVE);
	await tx.query(LIMITS);
	await tx.query(MARKS);
	await tx.query(DECISIONS);
	await tx.query("CREATE INDEX decisions_by_age ON decisions USING brin (decided_at)");
	await createOutbox(tx);
	await createInbox(tx);
	await setDefaults(tx);
}

/** NaN and Infinity are greater than every number in PostgreSQL, so they pass `> 0`. */
const POSITIVE = "CREATE DOMAIN positive AS numeric CHECK (VALUE > 0 AND VALUE < 'Infinity')";

const LIMITS = `
	CREATE TABLE limits (
		scope text PRIMARY KEY,
		max_order_notional positive,
		max_open_orders integer CHECK (max_open_orders >= 0),
		version integer NOT NULL CHECK (version > 0),
		updated_at timestamptz NOT NULL
	)`;

const MARKS = `
	CREATE TABLE marks (
		symbol text PRIMARY KEY,
		price positive NOT NULL,
		trade_seq bigint NOT NULL
	)`;

const DECISIONS = `
	CREATE TABLE decisions (
		order_id uuid PRIMARY KEY,
		user_id uuid NOT NULL,
		code text CHECK (code IN ('MAX_OPEN_ORDERS', 'MAX_ORDER_NOTIONAL')),
		limit_value text,
		observed text,
		decided_at timestamptz NOT NULL DEFAULT now(),
		CHECK (num_nulls(code, limit_value, observed) IN (0, 3))
	)`;

async function setDefaults(tx: Tx): Promise<void> {
	const [row] = await tx.query<{ updated_at: Date }>(
		`INSERT INTO limits (scope, max_order_notional, version, updated_at)
		VALUES ('default', $1, 1, now()) RETURNING updated_at`,
		[DEFAULT_MAX_ORDER_NOTIONAL],
	);
	if (!row) throw new Error("the default limits were not kept");
	stage(tx, "risk", [
		{
			type: "risk.limits_changed",
			aggregate_id: "risk-limits:default",
			aggregate_seq: 1,
			data: {
				scope: "default",
				max_order_notional: DEFAULT_MAX_ORDER_NOTIONAL,
				max_open_orders: null,
				updated_at: row.updated_at.toISOString(),
			},
			correlation_id: newId(),
			actor: null,
		},
	]);
}
