import type { Tx } from "../../../lib/db.ts";
import { createOutbox } from "../../../lib/event-bus/schema.ts";

/** Every version that a setting ever had; the highest is in force. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(`
		CREATE TABLE setting_versions (
			key text NOT NULL,
			version integer NOT NULL CHECK (version > 0),
			value jsonb NOT NULL,
			updated_at timestamptz NOT NULL DEFAULT now(),
			updated_by text NOT NULL,
			PRIMARY KEY (key, version)
		)`);
	await createOutbox(tx);
}
