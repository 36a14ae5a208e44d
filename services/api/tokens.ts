import { type CryptoKey, errors, importJWK, type JWK, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { JsonWebKeySet } from "../../contracts/auth.ts";
import type { Role, SessionPrincipal } from "../../contracts/common.ts";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import { refuse } from "../../lib/refuse.ts";
import { hashOf } from "../../lib/token-hash.ts";
import { KEYS_MAX_AGE_MS, KEYS_MIN_INTERVAL_MS, MAX_TOKEN_LENGTH, MAX_VERIFIED_TOKENS } from "./limits.ts";
import { recent } from "./recent.ts";

interface Verified {
	/** The key that it was signed with. */
	readonly kid: string;
	readonly principal: SessionPrincipal;
	readonly expiresAtMs: number;
}

const CLAIMS = {
	algorithms: [ACCESS_TOKEN.algorithm],
	issuer: ACCESS_TOKEN.issuer,
	audience: ACCESS_TOKEN.audience,
	typ: ACCESS_TOKEN.type,
	requiredClaims: ["exp", "iat"],
};
const ROLES: ReadonlySet<unknown> = new Set<Role>(["trader", "admin", "auditor"]);

export interface TokenVerifier {
	/** Whom an access token that comes from `address` was made for. Refuses `TOKEN_EXPIRED` and `UNAUTHENTICATED`. */
	verify(token: string, address: string): Promise<SessionPrincipal>;
	/** Takes no key for good but these: what others have signed is refused from now on. */
	keepKeys(kids: readonly string[]): void;
}

/**
 * Verifies access tokens against the keys that `fetchKeys` gives. What was verified once is remembered until it
 * expires, by the token's hash: a signature costs as much as the rest of the gateway's work on a request. Of an
 * address that `admitStranger` refuses nothing else is looked at.
 */
export function tokenVerifier(
	fetchKeys: () => Promise<JsonWebKeySet>,
	admitStranger: (address: string) => Promise<void>,
): TokenVerifier {
	const keys = keyring(fetchKeys);
	const verified = recent<Verified>(MAX_VERIFIED_TOKENS);

	function remembered(id: string): Verified | undefined {
		const entry = verified.get(id);
		return entry && keys.has(entry.kid) ? entry : undefined;
	}

	return {
		keepKeys: keys.keep,
		async verify(token, address) {
			if (token.length > MAX_TOKEN_LENGTH) throw refuse("UNAUTHENTICATED", "The access token is not valid");
			const id = hashOf(token);
			const known = remembered(id);
			if (!known) await admitStranger(address);
			const entry = known ?? (await verify(token, keys.get));
			if (entry.expiresAtMs <= Date.now()) {
				verified.delete(id);
				throw expired(entry.principal.user_id);
			}
			if (!known) verified.set(id, entry);
			return entry.principal;
		},
	};
}

async function verify(token: string, keyOf: JWTVerifyGetKey): Promise<Verified> {
	try {
		const { payload, protectedHeader } = await jwtVerify(token, keyOf, CLAIMS);
		const kid = protectedHeader.kid as string; // it has found a key
		return { kid, principal: principalOf(payload), expiresAtMs: (payload.exp as number) * 1000 };
	} catch (error) {
		if (error instanceof errors.JWTExpired) throw expired(error.payload.sub);
		if (error instanceof errors.JOSEError) throw refuse("UNAUTHENTICATED", "The access token is not valid");
		throw error;
	}
}

/** For the audit it tells whose token it was. */
function expired(user_id: string | undefined) {
	return refuse("TOKEN_EXPIRED", "The access token has expired", { user_id });
}

/** Frozen, since all requests with the token share it. */
function principalOf({ sub, sid, username, roles }: JWTPayload): SessionPrincipal {
	const texts = typeof sub === "string" && typeof sid === "string" && typeof username === "string";
	if (!texts || !Array.isArray(roles) || !roles.every((role) => ROLES.has(role)))
		throw new errors.JWTInvalid("claims are missing");
	return Object.freeze({ user_id: sub, username, session_id: sid, roles: Object.freeze([...roles]) });
}

interface Keyring {
	has(kid: string): boolean;
	readonly get: JWTVerifyGetKey;
	/** Forgets all but these. */
	keep(kids: readonly string[]): void;
}

/** Keys by their id, fetched when they are old or an unknown one is asked for. */
function keyring(fetchKeys: () => Promise<JsonWebKeySet>): Keyring {
	let keys = new Map<string, CryptoKey | Uint8Array>();
	let fetchedAtMs = Number.NEGATIVE_INFINITY;
	let fetching: Promise<void> | null = null;

	async function fetch(): Promise<void> {
		const { keys: jwks } = await fetchKeys();
		const entries = jwks.map(
			async (jwk) => [jwk["kid"] as string, await importJWK(jwk as JWK, ACCESS_TOKEN.algorithm)] as const,
		);
		keys = new Map(await Promise.all(entries));
		fetchedAtMs = performance.now();
	}

	return {
		has: (kid) => keys.has(kid),
		async get({ kid = "" }) {
			const known = keys.has(kid);
			if (performance.now() - fetchedAtMs > (known ? KEYS_MAX_AGE_MS : KEYS_MIN_INTERVAL_MS)) {
				fetching ??= fetch().finally(() => {
					fetching = null;
				});
				// A key that is known serves on until newer ones are there, however long that takes.
				if (known) fetching.catch(() => {});
				else await fetching;
			}
			const key = keys.get(kid);
			if (!key) throw new errors.JWKSNoMatchingKey();
			return key;
		},
		keep(kids) {
			for (const kid of keys.keys()) {
				if (kids.includes(kid)) continue;
				keys.delete(kid);
				fetchedAtMs = Number.NEGATIVE_INFINITY; // there are others now, and they are asked for at once
			}
		},
	};
}
