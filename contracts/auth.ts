import type { Timestamp } from "./common.ts";
import type { User } from "./users.ts";

/** `expires_in` is in seconds; the refresh token works once and is replaced at each use. */
export interface Tokens {
	readonly access_token: string;
	readonly token_type: "Bearer";
	readonly expires_in: number;
	readonly refresh_token: string;
}

export interface Session {
	readonly session_id: string;
	readonly ip: string;
	readonly user_agent: string;
	readonly created_at: Timestamp;
	readonly last_used_at: Timestamp;
	readonly current: boolean;
}

/** Public keys as RFC 7517 has them. */
export interface JsonWebKeySet {
	readonly keys: readonly Readonly<Record<string, unknown>>[];
}

export interface AuthApi {
	register(params: { readonly username: string; readonly email: string; readonly password: string }): User;
	login(params: { readonly username: string; readonly password: string }): Tokens;
	refresh(params: { readonly refresh_token: string }): Tokens;
	logout(): { readonly revoked: true };
	sessions(): readonly Session[];
	revokeSession(params: { readonly session_id: string }): { readonly revoked: true };
	jwks(): JsonWebKeySet;
	/** For the gateway: ids of the sessions that ended while their access tokens may still be alive. */
	revokedSessions(): readonly string[];
}

export interface AuthEvents {
	"auth.logged_in": { readonly user_id: string; readonly session_id: string; readonly ip: string; readonly user_agent: string };
	"auth.session_revoked": { readonly user_id: string; readonly session_id: string; readonly reason: "logout" | "revoked" | "reuse" | "suspended" };
}
