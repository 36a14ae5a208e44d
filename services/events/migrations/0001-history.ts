import type { Tx } from "../../../lib/db.ts";
import { createDeliveries } from "../../../lib/event-bus/schema.ts";

/** Makes the history of record and, for events that cannot be recorded, the table of deliveries. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE events (
			position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			event_id uuid NOT NULL UNIQUE,
			type text NOT NULL,
			source text NOT NULL,
			aggregate_id text NOT NULL,
			aggregate_seq bigint NOT NULL,
			version smallint NOT NULL,
			data json NOT NULL,
			correlation_id text NOT NULL,
			causation_id text,
			occurred_at timestamptz(3) NOT NULL,
			recorded_at timestamptz(3) NOT NULL DEFAULT now(),
			UNIQUE (source, aggregate_id, aggregate_seq)
		)`);
	await tx.query("CREATE INDEX events_type ON events (type, position)");
	await tx.query("CREATE INDEX events_aggregate ON events (aggregate_id, position)");
	await tx.query("CREATE INDEX events_correlation ON events (correlation_id, position)");
	await createDeliveries(tx);
}
