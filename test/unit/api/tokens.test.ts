import { setTimeout as delay } from "node:timers/promises";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import { ACCESS_TOKEN } from "../../../lib/access-token.ts";
import { refuse } from "../../../lib/refuse.ts";
import { tokenVerifier } from "../../../services/api/tokens.ts";

const claims = { sub: "u1", sid: "s1", username: "ann", roles: ["trader"] };
const principal = { user_id: "u1", session_id: "s1", username: "ann", roles: ["trader"] };

const keys = await generateKeyPair("EdDSA", { extractable: true });
const otherKeys = await generateKeyPair("EdDSA", { extractable: true });
const jwk: JWK = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "EdDSA", use: "sig" };

/** An address of which no more is to be verified. */
const OVER_THE_LIMIT = "192.0.2.99";

interface Made {
	header?: Partial<JWTHeaderParameters>;
	payload?: Record<string, unknown>;
	key?: CryptoKey | Uint8Array;
}

const nowS = () => Math.floor(Date.now() / 1000);
const { issuer: iss, audience: aud } = ACCESS_TOKEN;

function token({ header = {}, payload = {}, key = keys.privateKey }: Made = {}): Promise<string> {
	return new SignJWT({ iss, aud, iat: nowS(), exp: nowS() + 60, ...claims, ...payload })
		.setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: "k1", ...header })
		.sign(key);
}

function unsigned(header: object): string {
	const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
	return `${part(header)}.${part({ iss, aud, iat: nowS(), exp: nowS() + 60, ...claims })}.`;
}

/** A verifier, and how often it asked for keys. */
function verifier(fetch: () => Promise<readonly JWK[]> = async () => [jwk]) {
	const asked = { times: 0 };
	const tokens = tokenVerifier(
		async () => {
			asked.times += 1;
			return { keys: await fetch() };
		},
		async (address) => {
			if (address === OVER_THE_LIMIT) throw refuse("RATE_LIMITED");
		},
	);
	return {
		verify: (given: string, address = "192.0.2.1") => tokens.verify(given, address),
		keepKeys: tokens.keepKeys,
		asked,
	};
}

test("a good token tells whom it was made for, and nobody can change that", async () => {
	const { verify } = verifier();
	const good = await token();
	const user = await verify(good);
	expect(user).toEqual(principal);
	expect(() => (user.roles as string[]).push("admin")).toThrow(TypeError);
	expect(() => Object.assign(user, { user_id: "u2" })).toThrow(TypeError);
	expect(await verify(good)).toEqual(principal);
});

test.each<[string, () => Promise<string> | string]>([
	["alg none", () => unsigned({ alg: "none", typ: "at+jwt", kid: "k1" })],
	["HS256 with the public key", () => token({ header: { alg: "HS256" }, key: new TextEncoder().encode(jwk.x) })],
	["another key's signature", () => token({ key: otherKeys.privateKey })],
	["no signature", async () => (await token()).replace(/[^.]+$/, "")],
	[
		"a changed payload",
		async () => {
			const forged = JSON.stringify({ ...claims, iss, aud, exp: nowS() + 60, roles: ["admin"] });
			return (await token()).replace(/\.[^.]+\./, `.${Buffer.from(forged).toString("base64url")}.`);
		},
	],
	[
		"its own key",
		async () => token({ header: { jwk: await exportJWK(otherKeys.publicKey), kid: "k2" }, key: otherKeys.privateKey }),
	],
	["a path for a key id", () => token({ header: { kid: "../../k1" } })],
	["SQL for a key id", () => token({ header: { kid: "k1' OR '1'='1" } })],
	["no key id", () => token({ header: { kid: undefined as never } })],
	["another issuer", () => token({ payload: { iss: "someone" } })],
	["another audience", () => token({ payload: { aud: "autogrowthtrading/other" } })],
	["another type", () => token({ header: { typ: "JWT" } })],
	["no type", () => token({ header: { typ: undefined as never } })],
	["no expiry", () => token({ payload: { exp: undefined } })],
	["no user", () => token({ payload: { sub: undefined } })],
	["no session", () => token({ payload: { sid: undefined } })],
	["a role that there is not", () => token({ payload: { roles: ["trader", "god"] } })],
	["roles that are no list", () => token({ payload: { roles: "admin" } })],
	["no dots", () => "token"],
	["5000 characters", () => "x".repeat(5000)],
])("a token with %s is refused", async (_what, make) => {
	await expect(verifier().verify(await make())).rejects.toMatchObject({ code: 401, type: "UNAUTHENTICATED" });
});

test("an expired token is refused as that, also one that was good before", async () => {
	const { verify } = verifier();
	await expect(verify(await token({ payload: { exp: nowS() - 1 } }))).rejects.toMatchObject({ type: "TOKEN_EXPIRED" });
	const shortLived = await token({ payload: { exp: nowS() + 2 } });
	await verify(shortLived);
	await delay(2_000);
	await expect(verify(shortLived)).rejects.toMatchObject({ code: 401, type: "TOKEN_EXPIRED" });
});

test("keys are asked for once, however many tokens and unknown key ids come", async () => {
	const { verify, asked } = verifier();
	const made = await Promise.all(Array.from({ length: 20 }, (_, i) => token({ payload: { sub: `u${i}` } })));
	await Promise.all(made.map((text) => verify(text)));
	for (let i = 0; i < 20; i++) {
		await expect(verify(await token({ header: { kid: `unknown-${i}` } }))).rejects.toMatchObject({
			type: "UNAUTHENTICATED",
		});
	}
	expect(asked.times).toBe(1);
});

test("while keys cannot be had nobody is told that the token is bad", async () => {
	const { verify } = verifier(() => Promise.reject(Object.assign(new Error("away"), { type: "SERVICE_UNAVAILABLE" })));
	await expect(verify(await token())).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
});

test("a verified token is not verified again", async () => {
	const { verify } = verifier();
	const good = await token();
	await verify(good);
	Object.defineProperty(crypto.subtle, "verify", { configurable: true, value: () => Promise.resolve(false) });
	try {
		expect(await verify(good)).toEqual(principal);
		await expect(verify(await token({ payload: { sub: "u2" } }))).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
	} finally {
		Reflect.deleteProperty(crypto.subtle, "verify");
	}
});

test("what a key has signed that is kept no more is refused at once, remembered or not", async () => {
	const known: JWK[] = [jwk];
	const { verify, keepKeys, asked } = verifier(async () => known);
	const [before, unseen] = [await token(), await token({ payload: { sub: "u2" } })];
	await verify(before);
	keepKeys(["k1", "k2"]);
	await verify(before);
	expect(asked.times).toBe(1);

	known.splice(0, 1, { ...(await exportJWK(otherKeys.publicKey)), kid: "k2", alg: "EdDSA", use: "sig" });
	keepKeys(["k2"]);
	await expect(verify(before)).rejects.toMatchObject({ code: 401, type: "UNAUTHENTICATED" });
	await expect(verify(unseen)).rejects.toMatchObject({ code: 401, type: "UNAUTHENTICATED" });
	// The others are asked for without waiting.
	expect(await verify(await token({ header: { kid: "k2" }, key: otherKeys.privateKey }))).toEqual(principal);
	expect(asked.times).toBe(2);
});

test("of an address that is over its limit no token is looked at but one that is remembered", async () => {
	const { verify, asked } = verifier();
	const good = await token();
	await expect(verify(good, OVER_THE_LIMIT)).rejects.toMatchObject({ type: "RATE_LIMITED" });
	expect(asked.times).toBe(0);
	await verify(good);
	expect(await verify(good, OVER_THE_LIMIT)).toEqual(principal);
});
