import { setTimeout as delay } from "node:timers/promises";
import type { VerifiedApiKey } from "../../../contracts/auth.ts";
import { refuse } from "../../../lib/refuse.ts";
import { hashOf } from "../../../lib/token-hash.ts";
import { apiKeyIn, apiKeyVerifier } from "../../../services/api/api-keys.ts";
import { until } from "../../support/until.ts";

const KEY_ID = "01980000-0000-7000-8000-00000000000a";
const SECRET = "s".repeat(43);
const shown = { key_id: KEY_ID, secret_hash: hashOf(SECRET) };

/** An address of which no more is to be verified. */
const OVER_THE_LIMIT = "192.0.2.99";

const principal: VerifiedApiKey["principal"] = {
	user_id: "u1",
	username: "ann",
	roles: ["trader"],
	key_id: KEY_ID,
	scopes: ["read"],
};

/** A verifier before an `auth` that knows one key, and how often it was asked. */
function verifier(over: Partial<VerifiedApiKey> = {}, { rememberMs = 60_000, refreshMs = 60_000 } = {}) {
	const auth = {
		asked: 0,
		answer: async (): Promise<VerifiedApiKey> => ({ principal, ip_allow: null, ...over }),
	};
	const ended = new Set<string>();
	const verify = apiKeyVerifier({
		admitStranger: async (address) => {
			if (address === OVER_THE_LIMIT) throw refuse("RATE_LIMITED");
		},
		async verify({ key_id, secret_hash }) {
			auth.asked += 1;
			if (key_id !== KEY_ID || secret_hash !== shown.secret_hash) throw refuse("UNAUTHENTICATED");
			return auth.answer();
		},
		hasEnded: (keyId) => ended.has(keyId),
		rememberMs,
		refreshMs,
	});
	return { verify: (given = shown, address = "192.0.2.1") => verify(given, address), auth, ended };
}

test("a request shows a key by two headers, and of its secret only the hash goes further", () => {
	expect(apiKeyIn({ "x-api-key": KEY_ID, "x-api-secret": SECRET })).toEqual(shown);
	expect(apiKeyIn({})).toBeNull();
	expect(apiKeyIn({ authorization: "Bearer x" })).toBeNull();
});

test.each([
	["a key without a secret", { "x-api-key": KEY_ID }, "UNAUTHENTICATED"],
	["a secret without a key", { "x-api-secret": SECRET }, "UNAUTHENTICATED"],
	["an empty key", { "x-api-key": "", "x-api-secret": SECRET }, "UNAUTHENTICATED"],
	["an empty secret", { "x-api-key": KEY_ID, "x-api-secret": "" }, "UNAUTHENTICATED"],
	["a key in capitals", { "x-api-key": KEY_ID.toUpperCase(), "x-api-secret": SECRET }, "UNAUTHENTICATED"],
	["SQL for a key", { "x-api-key": "' OR true --", "x-api-secret": SECRET }, "UNAUTHENTICATED"],
	["a secret that is too long", { "x-api-key": KEY_ID, "x-api-secret": `${SECRET}s` }, "UNAUTHENTICATED"],
	["a key twice", { "x-api-key": `${KEY_ID}, ${KEY_ID}`, "x-api-secret": SECRET }, "UNAUTHENTICATED"],
	["a list of keys", { "x-api-key": [KEY_ID], "x-api-secret": [SECRET, SECRET] }, "UNAUTHENTICATED"],
	[
		"a key and a token",
		{ "x-api-key": KEY_ID, "x-api-secret": SECRET, authorization: "Bearer x" },
		"MALFORMED_REQUEST",
	],
	["half a key and a token", { "x-api-key": KEY_ID, authorization: "Bearer x" }, "MALFORMED_REQUEST"],
	["a key and some other word", { "x-api-secret": SECRET, authorization: "Basic x" }, "MALFORMED_REQUEST"],
])("%s is refused", (_what, headers, type) => {
	expect(() => apiKeyIn(headers)).toThrow(expect.objectContaining({ type }));
});

test("a good key is asked for once, and nobody can change whom it acts for", async () => {
	const { verify, auth } = verifier();
	for (let i = 0; i < 100; i++) expect(await verify()).toEqual(principal);
	expect(auth.asked).toBe(1);
	const user = await verify();
	expect(() => (user.roles as string[]).push("admin")).toThrow(TypeError);
	expect(() => (user.scopes as string[]).push("trade")).toThrow(TypeError);
	expect(() => Object.assign(user, { user_id: "u2" })).toThrow(TypeError);
});

test.each([
	["a wrong secret of a key that is remembered", { key_id: KEY_ID, secret_hash: hashOf("guess") }],
	["a key that there is not", { key_id: KEY_ID.replace(/a$/, "b"), secret_hash: shown.secret_hash }],
])("%s is asked for each time", async (_what, given) => {
	const { verify, auth } = verifier();
	await verify();
	for (let i = 0; i < 3; i++) await expect(verify(given)).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
	expect(auth.asked).toBe(4);
	await verify();
	expect(auth.asked).toBe(4);
});

test("a key that ended is asked for each time, and is good again when auth says so", async () => {
	const { verify, auth, ended } = verifier();
	await verify();
	ended.add(KEY_ID);
	auth.answer = () => Promise.reject(refuse("USER_SUSPENDED"));
	for (let i = 0; i < 2; i++) await expect(verify()).rejects.toMatchObject({ code: 403, type: "USER_SUSPENDED" });
	auth.answer = async () => ({ principal, ip_allow: null });
	for (let i = 0; i < 2; i++) expect(await verify()).toEqual(principal);
	expect(auth.asked).toBe(5);
	ended.delete(KEY_ID);
	await verify();
	expect(auth.asked).toBe(5);
});

test("a key that ends while auth is asked about it is not remembered as good", async () => {
	const { verify, auth, ended } = verifier();
	const answer = Promise.withResolvers<VerifiedApiKey>();
	auth.answer = () => answer.promise;
	const first = verify();
	await until(() => auth.asked === 1);
	ended.add(KEY_ID);
	answer.resolve({ principal, ip_allow: null });
	await first;
	auth.answer = () => Promise.reject(refuse("UNAUTHENTICATED"));
	await expect(verify()).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
});

test("a key is remembered no longer than its end is, counted from when auth was asked", async () => {
	const { verify, auth } = verifier({}, { rememberMs: 100 });
	auth.answer = async () => {
		await delay(80);
		return { principal, ip_allow: null };
	};
	await verify();
	await delay(40);
	auth.answer = () => Promise.reject(refuse("UNAUTHENTICATED"));
	await expect(verify()).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
});

test("a key in use is asked for again now and then, and nobody waits for it", async () => {
	const { verify, auth } = verifier({}, { refreshMs: 1_000 });
	await verify();
	await delay(1_010);
	auth.answer = () => new Promise(() => {});
	for (let i = 0; i < 5; i++) expect(await verify()).toEqual(principal);
	expect(auth.asked).toBe(2);
});

test("what is asked in passing forgets a key that is not good any more, and keeps one while auth is away", async () => {
	const { verify, auth } = verifier({}, { refreshMs: 50 });
	await verify();
	await delay(60);
	auth.answer = () => Promise.reject(refuse("SERVICE_UNAVAILABLE"));
	expect(await verify()).toEqual(principal);
	await delay(60);
	auth.answer = () => Promise.reject(refuse("UNAUTHENTICATED"));
	expect(await verify()).toEqual(principal);
	await until(() =>
		verify().then(
			() => false,
			(error) => error.type === "UNAUTHENTICATED",
		),
	);
});

test("while auth is away nobody is told that an unknown key is bad", async () => {
	const { verify, auth } = verifier();
	auth.answer = () => Promise.reject(refuse("SERVICE_UNAVAILABLE"));
	await expect(verify()).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
});

test("a key is refused from an address that it is not for, also when it is remembered", async () => {
	const { verify } = verifier({ ip_allow: ["192.0.2.0/24", "2001:db8::1"] });
	expect(await verify(shown, "192.0.2.9")).toEqual(principal);
	for (const address of ["198.51.100.1", "2001:db8::2", ""])
		await expect(verify(shown, address)).rejects.toMatchObject({ code: 403, type: "FORBIDDEN" });
	expect(await verify(shown, "2001:db8::1")).toEqual(principal);
});

test("nobody is asked about a key from an address that is over its limit, unless the key is remembered", async () => {
	const { verify, auth } = verifier();
	await expect(verify(shown, OVER_THE_LIMIT)).rejects.toMatchObject({ type: "RATE_LIMITED" });
	expect(auth.asked).toBe(0);
	await verify();
	expect(await verify(shown, OVER_THE_LIMIT)).toEqual(principal);
	expect(auth.asked).toBe(1);
});
