import { randomUUID } from "node:crypto";
import type { Revocations } from "../../contracts/auth.ts";
import { call } from "../../lib/service.ts";
import { startServices, type TestNode } from "../support/services.ts";

/** More than one page of each, and in all more than a message of NATS holds. */
const SESSIONS = 18_000;
const KEYS = 12_000;
const MESSAGE_BYTES = 1024 * 1024;

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["auth"]);
	const user_id = randomUUID();
	const { auth } = node.dbs;
	await auth.query("INSERT INTO credentials (user_id, password_hash) VALUES ($1, '')", [user_id]);
	// A hundred and more have ended at the same moment, and two pages of sessions have, too.
	await auth.query(
		`INSERT INTO sessions (session_id, user_id, ip, user_agent, generation, event_seq, created_at, last_used_at,
			expires_at, revoked_at)
		SELECT gen_random_uuid(), $1, '', '', 1, 2, now(), now(), now() + interval '1 day',
			now() - interval '1 minute' - greatest(i - 10000, 0) / 150 * interval '1 microsecond'
		FROM generate_series(1, $2::int) AS i`,
		[user_id, SESSIONS],
	);
	await auth.query(
		`INSERT INTO api_keys (key_id, user_id, secret_hash, name, scopes, ended_at, deleted)
		SELECT gen_random_uuid(), $1, '', 'bot', ARRAY['read'],
			now() - interval '1 minute' - i * interval '1 microsecond', true
		FROM generate_series(1, $2::int) AS i`,
		[user_id, KEYS],
	);
});
afterAll(() => node.stop());

async function all(since: string | null): Promise<Revocations[]> {
	const pages = [await call(node.broker, "auth.revocations", { since })];
	for (let cursor = pages[0]?.next_cursor ?? null; cursor !== null; ) {
		const page = await call(node.broker, "auth.revocations", { since, cursor });
		pages.push(page);
		cursor = page.next_cursor;
	}
	return pages;
}

test("more than one message holds is told page by page, each once, as of the first page", async () => {
	const pages = await all(null);
	for (const page of pages) expect(JSON.stringify(page).length).toBeLessThan(MESSAGE_BYTES / 4);
	const told = [pages.flatMap((page) => page.session_ids), pages.flatMap((page) => page.key_ids)];
	expect(told.map((ids) => [ids.length, new Set(ids).size])).toEqual([
		[SESSIONS, SESSIONS],
		[KEYS, KEYS],
	]);
	expect(new Set(pages.map((page) => page.as_of)).size).toBe(1);
	const [last] = (await all(pages[0]?.as_of ?? null)).slice(-1);
	expect(last).toEqual({
		session_ids: [],
		key_ids: [],
		signing_key_ids: [expect.any(String)],
		as_of: expect.any(String),
		next_cursor: null,
	});
});

test("a cursor that no page gave is refused", async () => {
	await expect(call(node.broker, "auth.revocations", { since: null, cursor: "x" })).rejects.toMatchObject({
		type: "VALIDATION_FAILED",
	});
});
