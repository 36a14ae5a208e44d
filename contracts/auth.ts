import type { KeyPrincipal, Repeatable, Role, Scope, Timestamp, WithSecret } from "./common.ts";
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

/** An API key as its owner sees it. `ip_allow` has addresses and CIDR ranges to use it from; null is from anywhere. */
export interface ApiKey {
	readonly key_id: string;
	readonly name: string;
	readonly scopes: readonly Scope[];
	readonly ip_allow: readonly string[] | null;
	readonly created_at: Timestamp;
	/** To the minute. */
	readonly last_used_at: Timestamp | null;
}

/** A new API key. */
export type NewApiKey = WithSecret<Omit<ApiKey, "last_used_at">>;

/** `published` ahead of its turn; `signing`; or `retired`, until the last token it has signed has expired. */
export type SigningKeyState = "published" | "signing" | "retired";

/** A key of access tokens, as an admin sees it. */
export interface SigningKey {
	readonly kid: string;
	readonly state: SigningKeyState;
	readonly created_at: Timestamp;
}

/** Whom an API key acts for, and from where it may be used. */
export interface VerifiedApiKey {
	readonly principal: KeyPrincipal;
	readonly ip_allow: readonly string[] | null;
}

/**
 * A page of the sessions and API keys that ended, the oldest first. A key whose owner was suspended is good again once
 * the owner is. `signing_key_ids` are the keys of access tokens that are good now. `as_of`, the same on all pages, is
 * what to ask with next time, so that none falls between two answers; `next_cursor` is null on the last page.
 */
export interface Revocations {
	readonly session_ids: readonly string[];
	readonly key_ids: readonly string[];
	readonly signing_key_ids: readonly string[];
	readonly as_of: Timestamp;
	readonly next_cursor: string | null;
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
	/** Refuses `INVALID_CREDENTIALS` when the current one is another. Ends every other session of the caller. */
	changePassword(params: { readonly current_password: string; readonly new_password: string }): {
		readonly changed: true;
	};
	/** For operators: a new random password, told this once. Ends every session of the user. Refuses `NOT_FOUND`. */
	resetPassword(params: { readonly user_id: string }): { readonly password: string };
	logout(): { readonly revoked: true };
	/** The caller's live sessions, newest first. */
	sessions(): readonly Session[];
	/** Refuses `NOT_FOUND` unless it is a live session of the caller. */
	revokeSession(params: { readonly session_id: string }): { readonly revoked: true };
	/** Refuses `MAX_API_KEYS`. */
	createApiKey(
		params: Repeatable & {
			readonly name: string;
			readonly scopes: readonly Scope[];
			readonly ip_allow?: readonly string[] | null;
		},
	): NewApiKey;
	/** The caller's API keys, newest first. */
	apiKeys(): readonly ApiKey[];
	/** Refuses `NOT_FOUND` unless it is a key of the caller. */
	deleteApiKey(params: { readonly key_id: string }): { readonly revoked: true };
	/**
	 * For the gateway: whom the key acts for. Refuses `UNAUTHENTICATED` when there is no such key or its secret is
	 * another, alike in answer and time, and `USER_SUSPENDED` to whoever knows the secret.
	 */
	verifyApiKey(params: { readonly key_id: string; readonly secret_hash: string }): VerifiedApiKey;
	jwks(): JsonWebKeySet;
	/** The keys of access tokens, newest first. */
	signingKeys(): readonly SigningKey[];
	/**
	 * Adds a key of access tokens, which signs after ten minutes; while one waits for that nothing changes. When the
	 * keys are `compromised` it signs at once and every access token of before is refused. Gives what there is then.
	 */
	rotateSigningKey(params: { readonly compromised?: boolean }): readonly SigningKey[];
	/** For the gateway: what ended since `since`, or while it may still be remembered as good, page by page. */
	revocations(params: { readonly since: Timestamp | null; readonly cursor?: string }): Revocations;
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
	readonly reason: "logout" | "revoked" | "reuse" | "suspended" | "replaced" | "password_changed";
}

export interface ApiKeyCreated {
	readonly user_id: string;
	readonly key_id: string;
	readonly name: string;
	readonly scopes: readonly Scope[];
	readonly ip: string;
}

export interface ApiKeyDeleted {
	readonly user_id: string;
	readonly key_id: string;
}

/** `username` as it was given, at most 64 characters of it; `user_id` is null when nobody has that name. */
export interface LoginFailed {
	readonly user_id: string | null;
	readonly username: string;
	readonly ip: string;
	readonly user_agent: string;
	readonly reason: "INVALID_CREDENTIALS" | "USER_SUSPENDED";
}

export interface PasswordChanged {
	readonly user_id: string;
	readonly by: "owner" | "admin";
}

/** When the keys before it were compromised, nothing that they have signed is good any more. */
export interface SigningKeyRotated {
	readonly kid: string;
	readonly compromised: boolean;
}

export interface AuthEvents {
	"auth.key_created": ApiKeyCreated;
	"auth.key_deleted": ApiKeyDeleted;
	"auth.logged_in": LoggedIn;
	"auth.login_failed": LoginFailed;
	"auth.password_changed": PasswordChanged;
	"auth.session_revoked": SessionRevoked;
	"auth.signing_key_rotated": SigningKeyRotated;
}
