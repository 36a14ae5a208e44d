/** What `auth` writes into an access token (RFC 9068) and the gateway insists on. */
export const ACCESS_TOKEN = {
	algorithm: "EdDSA",
	type: "at+jwt",
	issuer: "autogrowthtrading/auth",
	audience: "autogrowthtrading/api",
	lifetimeS: 15 * 60,
} as const;

/** Broadcast by `auth` when sessions or API keys ended; a gateway that misses it asks within seconds. */
export const REVOKED = "auth.revoked";
