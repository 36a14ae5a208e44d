import type { IncomingHttpHeaders } from "node:http";
import type { ServiceBroker } from "moleculer";
import type { Principal } from "../../contracts/common.ts";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import { refuse } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import { apiKeyIn, apiKeyVerifier } from "./api-keys.ts";
import { API_KEY_REFRESH_MS, GATEWAY_CALL_MS, REVOCATION_POLL_MS } from "./limits.ts";
import { revocations } from "./revocations.ts";
import { tokenVerifier } from "./tokens.ts";

/** The headers by which a request tells who sends it. */
const CREDENTIALS = ["authorization", "x-api-key", "x-api-secret"] as const;
const BEARER = /^Bearer +([\w.-]+) *$/i;

/** How long anything may be taken for good without asking `auth`, and therefore how long what ended is remembered. */
const REMEMBER_MS = ACCESS_TOKEN.lifetimeS * 1000;

export interface Identity {
	/** Who sent a request with these headers from this address; refuses whoever cannot show it. */
	identify(headers: IncomingHttpHeaders, address: string): Promise<Principal>;
	/** Asks at once what ended. */
	update(): void;
	stop(): void;
}

/** Whether a request shows anything that should tell who sent it. */
export function showsCredential(headers: IncomingHttpHeaders): boolean {
	return CREDENTIALS.some((name) => headers[name] !== undefined);
}

/**
 * Tells users by access tokens and API keys, and keeps up with the sessions and keys that `auth` ended. What is not
 * remembered as good is verified only for addresses that `admitStranger` does not refuse.
 */
export function openIdentity(broker: ServiceBroker, admitStranger: (address: string) => Promise<void>): Identity {
	const options = { timeout: GATEWAY_CALL_MS };
	const tokens = tokenVerifier(() => call(broker, "auth.jwks", undefined, options), admitStranger);
	const ended = revocations(async (asked) => {
		const told = await call(broker, "auth.revocations", asked, options);
		// An `auth` of the version before tells of none.
		if (told.signing_key_ids) tokens.keepKeys(told.signing_key_ids);
		return told;
	}, REMEMBER_MS);
	const verifyApiKey = apiKeyVerifier({
		admitStranger,
		verify: (shown) => call(broker, "auth.verifyApiKey", shown, options),
		hasEnded: (keyId) => ended.has(keyId),
		rememberMs: REMEMBER_MS,
		refreshMs: API_KEY_REFRESH_MS,
	});
	// While `auth` is away nobody can end a session, so what is known of them stays true.
	const update = () => void ended.update().catch((error) => broker.logger.debug("what ended is not known", error));
	const poll = setInterval(update, REVOCATION_POLL_MS).unref();

	async function bearer(authorization: string | undefined, address: string): Promise<Principal> {
		const token = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
		if (!token)
			throw refuse(
				"UNAUTHENTICATED",
				"An access token is needed (Authorization: Bearer <token>), or an API key (X-Api-Key and X-Api-Secret)",
			);
		const principal = await tokens.verify(token, address);
		if (await ended.has(principal.session_id)) {
			const { user_id } = principal;
			throw refuse("SESSION_REVOKED", "The session has ended", { user_id });
		}
		return principal;
	}

	return {
		update,
		stop: () => clearInterval(poll),
		async identify(headers, address) {
			const apiKey = apiKeyIn(headers);
			return apiKey ? verifyApiKey(apiKey, address) : bearer(headers.authorization, address);
		},
	};
}
