import type { AuditRecord } from "../../contracts/audit.ts";
import type { Envelope } from "../../contracts/events.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { type Staged, stage } from "../../lib/event-bus/outbox.ts";
import { recordEvents } from "../../services/audit/audit.commands.ts";
import { type Caller, items } from "./callers.ts";
import type { Reply, Send } from "./http-client.ts";
import { until } from "./until.ts";

/** Records events in the audit as if the bus had brought them. */
export function record(audit: Db, events: readonly Envelope[]): Promise<void> {
	const outbox = { stage: (tx: Tx, told: readonly Staged[]) => stage(tx, "audit", told) };
	return audit.transaction((tx) => recordEvents(outbox, tx, events));
}

/** Requests to the gateway, and what an auditor then finds of them. */
export function auditDesk(send: Send, auditor: () => Caller) {
	let requests = 0;
	const find = async (query: Readonly<Record<string, string>>) =>
		items<AuditRecord>(await send(`GET /api/audit?${new URLSearchParams(query)}`, auditor()));
	return {
		/** Sends a request under an id of its own, and gives the answer and that id. */
		async asked(route: string, sent: Parameters<Send>[1] = {}): Promise<Reply & { readonly id: string }> {
			const id = `asked-${++requests}`;
			const reply = await send(route, { ...sent, headers: { ...sent.headers, "X-Request-Id": id } });
			return { ...reply, id };
		},
		find,
		/** The one record that there is of `query`, once it is there. */
		async theRecord(query: Readonly<Record<string, string>>): Promise<AuditRecord> {
			await until(async () => (await find(query)).length > 0);
			const found = await find(query);
			expect(found).toHaveLength(1);
			return found[0] as AuditRecord;
		},
	};
}
