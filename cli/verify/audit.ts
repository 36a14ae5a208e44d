import type { AuditAnchor } from "../../contracts/audit.ts";
import type { Db } from "../../lib/db.ts";
import { verifyChain } from "../../services/audit/verification.ts";
import { type AllDatabases, rowsOf, sideBySide } from "./databases.ts";
import { type Invariant, MAX_OFFENCES } from "./invariant.ts";

/** What must hold of the audit: by itself, and between it and the history. */
export const AUDIT_INVARIANTS: readonly Invariant[] = [
	{
		id: "I10",
		says: "the audit's chain is whole from its first record to its last, and has every event as the history has it",
		check: async (dbs) => [...(await brokenChain(dbs)), ...(await unrecorded(dbs))],
	},
];

async function brokenChain({ audit, events }: AllDatabases): Promise<string[]> {
	const { first_bad: bad } = await verifyChain(audit, { witness: anchorsIn(events) });
	return bad ? [`the audit is broken at record ${bad.seq}: ${bad.reason}`] : [];
}

async function* anchorsIn(events: Db): AsyncGenerator<AuditAnchor> {
	const anchors = rowsOf<{ readonly key: string; readonly data: AuditAnchor }>(
		events,
		`SELECT position::text AS key, data FROM events
		WHERE type = 'audit.anchored' AND ($1::bigint IS NULL OR position > $1) ORDER BY position LIMIT $2`,
	);
	for await (const { data } of anchors) yield data;
}

interface Witnessed {
	readonly key: string;
	readonly data_hash: string;
}

async function unrecorded({ audit, events }: AllDatabases): Promise<string[]> {
	const page = "($1::uuid IS NULL OR event_id > $1) ORDER BY event_id LIMIT $2";
	const told = rowsOf<Witnessed>(
		events,
		`SELECT event_id::text AS key, encode(sha256(convert_to(data::text, 'UTF8')), 'hex') AS data_hash
		FROM events WHERE source <> 'audit' AND ${page}`,
	);
	const recorded = rowsOf<Witnessed>(
		audit,
		`SELECT event_id::text AS key, data_hash FROM records WHERE data_hash IS NOT NULL AND ${page}`,
	);
	const offences: string[] = [];
	for await (const { key, left, right } of sideBySide(told, recorded)) {
		if (left?.data_hash === right?.data_hash) continue;
		offences.push(`event ${key}: ${difference(left, right)}`);
		if (offences.length === MAX_OFFENCES) break;
	}
	return offences;
}

function difference(told: Witnessed | undefined, recorded: Witnessed | undefined): string {
	if (!recorded) return "the audit does not have it";
	return told ? "its data in the history are not those that the audit has seen" : "the history does not have it";
}
