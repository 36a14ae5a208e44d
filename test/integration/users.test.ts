import { v7 as newId } from "uuid";
import type { User } from "../../contracts/users.ts";
import { LOCKS } from "../../lib/locks.ts";
import { call } from "../../lib/service.ts";
import { person } from "../support/people.ts";
import { startServices, type TestNode } from "../support/services.ts";

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["users", "config"]);
});
afterAll(() => node.stop());

const admin = person("root", "admin");
const create = (username: string, user_id = newId()) =>
	call(node.broker, "users.create", { user_id, username, email: `${username}@example.com` });
const as = ({ user_id, username }: User) => ({ meta: { user: { ...person(username).meta.user, user_id, username } } });
const events = (user_id: string) =>
	node.dbs.users.query(
		"SELECT type, aggregate_seq::int, data, correlation_id FROM outbox WHERE aggregate_id = $1 ORDER BY position",
		[user_id],
	);

test("a user is an active trader, told by one event", async () => {
	const user = await create("ann");
	expect(user).toMatchObject({ username: "ann", email: "ann@example.com", status: "active", roles: ["trader"] });
	expect(await events(user.user_id)).toEqual([
		{ type: "users.created", aggregate_seq: 1, data: user, correlation_id: expect.any(String) },
	]);
});

test("the same id again gives the same user, also fifty times at once", async () => {
	const user_id = newId();
	const made = await Promise.all(Array.from({ length: 50 }, () => create("again", user_id)));
	expect(new Set(made.map((user) => JSON.stringify(user))).size).toBe(1);
	expect(await events(user_id)).toHaveLength(1);
});

test("a user is added while the event bus holds all its locks on the database", async () => {
	await node.dbs.users.transaction(async (tx) => {
		for (const lock of [LOCKS.relay, LOCKS.consumer, LOCKS.retry])
			await tx.query("SELECT pg_advisory_xact_lock($1)", [lock]);
		expect(await create("unhindered")).toMatchObject({ username: "unhindered" });
	});
});

test("a name that is taken leaves nothing", async () => {
	await create("taken");
	const user_id = newId();
	await expect(create("Taken", user_id)).rejects.toMatchObject({ code: 409, type: "USERNAME_TAKEN" });
	expect(await call(node.broker, "users.find", { user_id })).toBeNull();
	expect(await events(user_id)).toEqual([]);
});

test("a name is resolved in whatever case it is written", async () => {
	const user = await create("Case.Sensitive");
	expect(await call(node.broker, "users.resolve", { username: "cASE.sENSITIVE" })).toEqual(user);
	expect(await call(node.broker, "users.resolve", { username: "case_sensitive" })).toBeNull();
	expect(await call(node.broker, "users.resolve", { username: "' OR true --" })).toBeNull();
	// The database has small letters for these, of which not everybody else knows, or knows the same.
	for (const username of ["Case.Sens\u0130t\u0130ve", "case.sensitive\u212A", "Case.Sensitive "])
		expect(await call(node.broker, "users.resolve", { username })).toBeNull();
});

test("a profile is seen by its owner and by admins alone", async () => {
	const [owner, stranger] = await Promise.all([create("owner"), create("stranger")]);
	const { user_id } = owner;
	expect(await call(node.broker, "users.me", undefined, as(owner))).toEqual(owner);
	expect(await call(node.broker, "users.get", { user_id }, as(owner))).toEqual(owner);
	expect(await call(node.broker, "users.get", { user_id }, admin)).toEqual(owner);
	await expect(call(node.broker, "users.get", { user_id }, as(stranger))).rejects.toMatchObject({ code: 404 });
	await expect(call(node.broker, "users.get", { user_id: newId() }, admin)).rejects.toMatchObject({ code: 404 });
	await expect(
		call(node.broker, "users.update", { user_id, email: "x@example.com" }, as(stranger)),
	).rejects.toMatchObject({ code: 404 });
});

test("a change is told by one event, no change by none", async () => {
	const user = await create("changing");
	const { user_id } = user;
	const changed = await call(node.broker, "users.update", { user_id, email: "new@example.com" }, as(user));
	expect(changed).toEqual({ ...user, email: "new@example.com", updated_at: expect.any(String) });
	expect(await call(node.broker, "users.update", { user_id, email: "new@example.com" }, as(user))).toEqual(changed);
	expect(await events(user_id)).toMatchObject([
		{ type: "users.created", aggregate_seq: 1 },
		{ type: "users.updated", aggregate_seq: 2, data: changed },
	]);
});

test("one's own name can be written in another case, somebody else's cannot be had", async () => {
	const [user, other] = await Promise.all([create("lower"), create("other")]);
	const { user_id } = user;
	expect(await call(node.broker, "users.update", { user_id, username: "LOWER" }, as(user))).toMatchObject({
		username: "LOWER",
	});
	await expect(call(node.broker, "users.update", { user_id, username: "OTHER" }, as(user))).rejects.toMatchObject({
		type: "USERNAME_TAKEN",
	});
	await expect(
		call(node.broker, "users.update", { user_id, email: other.email.toUpperCase() }, as(user)),
	).rejects.toMatchObject({ type: "EMAIL_TAKEN" });
});

test("suspending and resuming take effect once however often they are asked for", async () => {
	const { user_id } = await create("on-off");
	for (const action of ["users.suspend", "users.suspend", "users.resume", "users.resume"] as const)
		await call(node.broker, action, { user_id }, admin);
	const told = await events(user_id);
	expect(told.map((event) => (event["data"] as User).status)).toEqual(["active", "suspended", "active"]);
	await expect(call(node.broker, "users.suspend", { user_id: newId() }, admin)).rejects.toMatchObject({ code: 404 });
});

test("users are listed by pages, each once", async () => {
	await Promise.all(Array.from({ length: 7 }, (_, i) => create(`listed-${i}`)));
	const seen: string[] = [];
	let cursor: string | null = "";
	while (cursor !== null) {
		const page: { items: readonly User[]; next_cursor: string | null } = await call(
			node.broker,
			"users.list",
			{ limit: 3, ...(cursor && { cursor }) },
			admin,
		);
		expect(page.items.length).toBeLessThanOrEqual(3);
		seen.push(...page.items.map((user) => user.user_id));
		cursor = page.next_cursor;
	}
	const all = await node.dbs.users.query<{ user_id: string }>("SELECT user_id FROM users ORDER BY user_id");
	expect(seen).toEqual(all.map((row) => row.user_id));
});

test.each([["not-base64!"], [Buffer.from("x' OR 1=1").toString("base64url")]])(
	"a cursor that no list gave is refused: %s",
	async (cursor) => {
		await expect(call(node.broker, "users.list", { cursor }, admin)).rejects.toMatchObject({ code: 422 });
	},
);

test("no more users are added than the setting allows, however many come at once", async () => {
	const [{ count } = { count: 0 }] = await node.dbs.users.query<{ count: number }>(
		"SELECT count(*)::int AS count FROM users",
	);
	await call(node.broker, "config.set", { key: "users.max_users", value: count + 2, expected_version: 0 }, admin);
	const results = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => create(`last-${i}`)));
	expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
	const refused = results.find((result) => result.status === "rejected");
	expect(refused?.reason).toMatchObject({ code: 409, type: "MAX_USERS" });
});
