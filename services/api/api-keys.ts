import type { IncomingHttpHeaders } from "node:http";
import type { VerifiedApiKey } from "../../contracts/auth.ts";
import type { KeyPrincipal } from "../../contracts/common.ts";
import { addressMatcher } from "../../lib/address-ranges.ts";
import { UUID_KEY } from "../../lib/page.ts";
import { isRefusal, refuse } from "../../lib/refuse.ts";
import { hashOf } from "../../lib/token-hash.ts";
import { MAX_VERIFIED_API_KEYS } from "./limits.ts";
import { recent } from "./recent.ts";

/** What is known of a key's secret: the secret itself stays in the gateway. */
interface Shown {
	readonly key_id: string;
	readonly secret_hash: string;
}

interface Verified {
	readonly principal: KeyPrincipal;
	readonly allows: (address: string) => boolean;
	readonly expiresAtMs: number;
	refreshAtMs: number;
}

interface Options {
	/** Refuses an address of which nothing is to be verified any more. */
	admitStranger(address: string): Promise<void>;
	/** Asks `auth` whom the key acts for. */
	verify(shown: Shown): Promise<VerifiedApiKey>;
	/** Whether the key ended so lately that what is remembered of it may be wrong. */
	hasEnded(keyId: string): boolean | Promise<boolean>;
	/** How long a key is remembered as good: no longer than it is remembered that it ended. */
	readonly rememberMs: number;
	/** At which age a key that is used is asked for again, without anybody waiting for the answer. */
	readonly refreshMs: number;
}

const SECRET = /^[\w-]{43}$/;

/** The API key that a request shows, or null when it shows none. Refuses half a key, and a key beside a token. */
export function apiKeyIn(headers: IncomingHttpHeaders): Shown | null {
	const { "x-api-key": keyId, "x-api-secret": secret, authorization } = headers;
	if (keyId === undefined && secret === undefined) return null;
	if (authorization !== undefined)
		throw refuse("MALFORMED_REQUEST", "Show an access token or an API key, not both at once");
	if (keyId === undefined || secret === undefined)
		throw refuse("UNAUTHENTICATED", "An API key is two headers: X-Api-Key and X-Api-Secret");
	if (!UUID_KEY.test(String(keyId)) || !SECRET.test(String(secret)))
		throw refuse("UNAUTHENTICATED", "The API key is not valid");
	return { key_id: String(keyId), secret_hash: hashOf(String(secret)) };
}

/** Gives whom a key that is used from `address` acts for. Refuses as `auth` does, and with 403 at a wrong address. */
export type VerifyApiKey = (shown: Shown, address: string) => Promise<KeyPrincipal>;

/**
 * Verifies API keys by `auth`, and remembers those that are good, so that an order does not wait for it. A wrong secret
 * is never remembered: it takes as long as an unknown key.
 */
export function apiKeyVerifier(options: Options): VerifyApiKey {
	const { admitStranger, verify, hasEnded, rememberMs, refreshMs } = options;
	const verified = recent<Verified>(MAX_VERIFIED_API_KEYS);

	async function learn(id: string, shown: Shown): Promise<Verified> {
		// From before the question: what ends while the answer is on its way is told later than that.
		const askedAtMs = performance.now();
		const { principal, ip_allow } = await verify(shown);
		const entry = {
			// Frozen, since all requests with the key share it.
			principal: Object.freeze({
				...principal,
				roles: Object.freeze([...principal.roles]),
				scopes: Object.freeze([...principal.scopes]),
			}),
			allows: ip_allow ? addressMatcher(ip_allow) : () => true,
			expiresAtMs: askedAtMs + rememberMs,
			refreshAtMs: askedAtMs + refreshMs,
		};
		verified.set(id, entry);
		return entry;
	}

	/** While `auth` is away what is known of the key stays true. */
	function refresh(id: string, shown: Shown, entry: Verified): void {
		entry.refreshAtMs = performance.now() + refreshMs;
		learn(id, shown).catch((error) => {
			if (isRefusal(error, "UNAUTHENTICATED") || isRefusal(error, "USER_SUSPENDED")) verified.delete(id);
		});
	}

	return async (shown, address) => {
		const id = `${shown.key_id} ${shown.secret_hash}`;
		const known = (await hasEnded(shown.key_id)) ? undefined : verified.get(id);
		const now = performance.now();
		const good = known && known.expiresAtMs > now ? known : undefined;
		if (!good) await admitStranger(address);
		const entry = good ?? (await learn(id, shown));
		if (entry.refreshAtMs <= now) refresh(id, shown, entry);
		if (!entry.allows(address)) throw refuse("FORBIDDEN", "The API key may not be used from this address");
		return entry.principal;
	};
}
