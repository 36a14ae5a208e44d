import type { Revocations, Session } from "../../contracts/auth.ts";
import type { Principal } from "../../contracts/common.ts";
import type { Db } from "../../lib/db.ts";
import { pageOf, positionOf } from "../../lib/page.ts";
import * as store from "./auth.store.ts";
import { listKeyIds } from "./signing-keys.store.ts";

/** Some 200 KB, where NATS takes a megabyte. */
const REVOCATIONS_PAGE = 5_000;

/** Up to when all is known that ended, and the time and the id of the last that was told. */
const PLACE = /^(?<asOf>[^/]+)\/(?<endedAt>[\d:. +-]+)\/(?<id>[0-9a-f-]{36})$/;

/** After every other id. */
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** The caller's live sessions, newest first. */
export async function listSessions(db: Db, caller: Principal): Promise<Session[]> {
	const rows = await store.listSessions(db, caller.user_id);
	return rows.map((row) => ({
		session_id: row.session_id,
		ip: row.ip,
		user_agent: row.user_agent,
		created_at: row.created_at.toISOString(),
		last_used_at: row.last_used_at.toISOString(),
		current: row.session_id === caller.session_id,
	}));
}

/** What ended since the answer of that time, by pages, and which signing keys are good. */
export async function revocations(
	db: Db,
	{ since, cursor }: { readonly since: string | null; readonly cursor?: string },
): Promise<Revocations> {
	const { asOf, endedAt, id } = await placeOf(db, since, cursor);
	const [rows, signing_key_ids] = await Promise.all([
		store.listRevoked(db, endedAt, id, REVOCATIONS_PAGE + 1),
		listKeyIds(db),
	]);
	const { items, next_cursor } = pageOf(
		rows,
		REVOCATIONS_PAGE,
		(row) => `${asOf}/${row.ended_at}/${row.id}`,
		(row) => row,
	);
	const ids = (kind: "session" | "key") => items.flatMap((row) => (row.kind === kind ? [row.id] : []));
	return { session_ids: ids("session"), key_ids: ids("key"), signing_key_ids, as_of: asOf, next_cursor };
}

/** Where to go on. All pages are as of the first one, since what is committed meanwhile may stand before its place. */
async function placeOf(db: Db, since: string | null, cursor: string | undefined) {
	const { after } = positionOf({ ...(cursor !== undefined && { cursor }) }, PLACE);
	if (after === null) {
		const { from, as_of } = await store.revocationsSince(db, since);
		return { asOf: as_of.toISOString(), endedAt: from, id: LAST_ID };
	}
	return PLACE.exec(after)?.groups as { readonly asOf: string; readonly endedAt: string; readonly id: string };
}
