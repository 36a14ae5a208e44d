import type { Role, Timestamp } from "./common.ts";
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

/** Sessions that ended; `as_of` is what to ask with next time, so that none falls between two answers. */
export interface RevokedSessions {
	readonly session_ids: readonly string[];
	readonly as_of: Timestamp;
}

export interface Registration {
	readonly username: string;
	readonly email: string;
	readonly password: string;
}

export interface AuthApi {
	/** Refuses `USERNAME_TAKEN`, `EMAIL_TAKEN`, `MAX_USERS`, and `OUTCOME_UNKNOWN` when it cannot tell. */
	register(params: Registration): User;
	/** For operators and seeds: as `register`, with roles that no client may ask for. */
	provision(params: Registration & { readonly roles: readonly Role[] }): User;
	/** Refuses `INVALID_CREDENTIALS`, and `USER_SUSPENDED` to whoever knows the password. */
	login(params: { readonly username: string; readonly password: string }): Tokens;
	/** Refuses `UNAUTHENTICATED`, `SESSION_REVOKED` (a used token ends its session) and `USER_SUSPENDED`. */
	refresh(params: { readonly refresh_token: string }): Tokens;
	logout(): { readonly revoked: true };
	/** The caller's live sessions, newest first. */
	sessions(): readonly Session[];
	/** Refuses `NOT_FOUND` unless it is a live session of the caller. */
	revokeSession(params: { readonly session_id: string }): { readonly revoked: true };
	jwks(): JsonWebKeySet;
	/** For the gateway: which sessions ended since `since`, or while an access token of theirs may still be alive. */
	revokedSessions(params: { readonly since: Timestamp | null }): RevokedSessions;
}

export interface LoggedIn {
	readonly user_id: string;
	readonly session_id: string;
	readonly ip: string;
	readonly user_agent: string;
}

export interface SessionRevoked {
	readonly user_id: string;
	readonly session_id: string;
	readonly reason: "logout" | "revoked" | "reuse" | "suspended" | "replaced";
}

export interface ApiKeyCreated {
	readonly user_id: string;
	readonly key_id: string;
	readonly name: string;
	readonly scopes: readonly ("read" | "trade")[];
	readonly ip: string;
}

export interface AuthEvents {
	"auth.key_created": ApiKeyCreated;
	"auth.logged_in": LoggedIn;
	"auth.session_revoked": SessionRevoked;
}
