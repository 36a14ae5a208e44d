import type { Tx } from "../../../lib/db.ts";
import { addFloor } from "../../../lib/event-bus/schema.ts";
import { APP_ROLE } from "../app-role.ts";

/** The outbox knows how far its events are handled by all. */
export async function up(tx: Tx): Promise<void> {
	await addFloor(tx);
	await tx.query(`GRANT SELECT, UPDATE ON outbox_floor TO ${APP_ROLE}`);
}
