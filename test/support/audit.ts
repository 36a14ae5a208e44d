import type { Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { type Staged, stage } from "../../lib/event-bus/outbox.ts";
import { recordEvents } from "../../services/audit/audit.commands.ts";

/** Records events in the audit as if the bus had brought them. */
export function record(audit: Db, events: readonly Envelope[]): Promise<void> {
	const outbox = { stage: (tx: Tx, told: readonly Staged[]) => stage(tx, "audit", told) };
	return audit.transaction((tx) => recordEvents(outbox, tx, events));
}
