/** A decimal number as text, e.g. `"61837.63"`: no exponent, no sign but `-`, no float on the way. */
export type Decimal = string;

/** RFC 3339 in UTC with milliseconds, e.g. `"2026-01-02T03:04:05.678Z"`. */
export type Timestamp = string;

/** What a caller asks of a list: at most `limit` items (1-500, 50 unless told) after `cursor`. */
export interface PageQuery {
	readonly limit?: number;
	readonly cursor?: string;
}

/** One page of a list; `next_cursor` is null on the last one. */
export interface Page<T> {
	readonly items: readonly T[];
	readonly next_cursor: string | null;
}

/**
 * What its client may send again under a key of its own, 1-64 characters and unique per user: it is done once. Another
 * request under the same key is refused with `IDEMPOTENCY_KEY_REUSED`.
 */
export interface Repeatable {
	readonly idempotency_key?: string;
}

/** Of an answer, whether it is that of the same request before. */
export interface Replayed {
	readonly replayed: boolean;
}

/** Something new with its secret, which is told this once and is null when the request is repeated. */
export type WithSecret<T> = T & Replayed & { readonly secret: string | null };

export type Role = "trader" | "admin" | "auditor";

/** What an API key is good for: `read` to look at what its owner may see, `trade` to place and cancel orders. */
export type Scope = "read" | "trade";

interface Caller {
	readonly user_id: string;
	readonly username: string;
	readonly roles: readonly Role[];
}

/** A user who has logged in. */
export interface SessionPrincipal extends Caller {
	readonly session_id: string;
	readonly key_id?: never;
}

/** A program that acts for a user by an API key. Whatever its owner is, its only role is `trader`. */
export interface KeyPrincipal extends Caller {
	readonly key_id: string;
	readonly scopes: readonly Scope[];
	readonly session_id?: never;
}

/** Who calls, as the gateway read it from a verified token or API key. */
export type Principal = SessionPrincipal | KeyPrincipal;

/** What travels with each request in `ctx.meta`. `deadline` is an absolute time in ms since the epoch. */
export interface Meta {
	/** Set when a node that does not own the market has passed the call on: it is not passed on again. */
	readonly forwarded?: true;
	readonly user?: Principal;
	readonly deadline?: number;
	/** The span that the call belongs to, as W3C Trace Context has it; only where nodes are traced. */
	readonly traceparent?: string;
	readonly client?: { readonly ip: string; readonly user_agent: string };
}
