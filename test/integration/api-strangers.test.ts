import { refuse } from "../../lib/refuse.ts";
import { type StubApi, startStubApi } from "../support/stub-api.ts";

const LIMIT = 20;

/** How often `auth` was asked about a key. */
let asked = 0;
let api: StubApi;
beforeAll(async () => {
	process.env["RATE_LIMIT_ADDRESS"] = String(LIMIT);
	api = await startStubApi({
		auth: {
			verifyApiKey: {
				auth: "internal",
				handler() {
					asked += 1;
					throw refuse("UNAUTHENTICATED");
				},
			},
		},
		users: { me: { auth: "user", handler: () => ({ username: "ann" }) } },
	});
});
afterAll(async () => {
	delete process.env["RATE_LIMIT_ADDRESS"];
	await api.stop();
});

test("made-up keys cost nothing beyond the limit of an address, and keep out nobody who is known", async () => {
	const [ann, ben] = [await api.token(), await api.token("admin")];
	const me = (token: string) => api.send("GET /api/users/me", { token });
	expect((await me(ann)).status).toBe(200);
	const statuses: number[] = [];
	for (let i = 0; i < 2 * LIMIT; i++) {
		const key = `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`;
		const headers = { "X-Api-Key": key, "X-Api-Secret": "s".repeat(43) };
		statuses.push((await api.send("GET /api/users/me", { headers })).status);
	}
	expect(statuses).toEqual([...Array(LIMIT).fill(401), ...Array(LIMIT).fill(429)]);
	expect(asked).toBe(LIMIT);
	// Who is known by then goes on.
	expect((await me(ann)).status).toBe(200);
	expect(await me(ben)).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
});
