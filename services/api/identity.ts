import type { IncomingHttpHeaders } from "node:http";
import type { ServiceBroker } from "moleculer";
import type { Principal } from "../../contracts/common.ts";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import { refuse } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import { GATEWAY_CALL_MS, REVOCATION_POLL_MS } from "./limits.ts";
import { revocations } from "./revocations.ts";
import { tokenVerifier } from "./tokens.ts";

const BEARER = /^Bearer +([\w.-]+) *$/i;

export interface Identity {
	/** Who sent a request with this `Authorization` header; refuses with 401 whoever cannot show it. */
	identify(authorization: string | undefined): Promise<Principal>;
	/** Asks at once which sessions ended. */
	update(): void;
	stop(): void;
}

/** Whether a request shows anything that should tell who sent it. */
export function showsCredential({ authorization }: IncomingHttpHeaders): boolean {
	return authorization !== undefined;
}

/** Tells users by the access tokens that `auth` signed, and keeps up with the sessions that it ended. */
export function openIdentity(broker: ServiceBroker): Identity {
	const options = { timeout: GATEWAY_CALL_MS };
	const verify = tokenVerifier(() => call(broker, "auth.jwks", undefined, options));
	const ended = revocations(
		(since) => call(broker, "auth.revokedSessions", { since }, options),
		ACCESS_TOKEN.lifetimeS * 1000,
	);
	// While `auth` is away nobody can end a session, so what is known of them stays true.
	const update = () => void ended.update().catch((error) => broker.logger.debug("ended sessions are not known", error));
	const poll = setInterval(update, REVOCATION_POLL_MS).unref();

	return {
		update,
		stop: () => clearInterval(poll),
		async identify(authorization) {
			const token = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
			if (!token) throw refuse("UNAUTHENTICATED", "An access token is needed: Authorization: Bearer <token>");
			const principal = await verify(token);
			if (await ended.has(principal.session_id)) {
				const { user_id } = principal;
				throw refuse("SESSION_REVOKED", "The session has ended", { user_id });
			}
			return principal;
		},
	};
}
