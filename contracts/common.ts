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

export type Role = "trader" | "admin" | "auditor";

/** Who calls, as the gateway read it from a verified token. */
export interface Principal {
	readonly user_id: string;
	readonly username: string;
	readonly roles: readonly Role[];
	readonly session_id: string;
}

/** What travels with each request in `ctx.meta`. `deadline` is an absolute time in ms since the epoch. */
export interface Meta {
	/** Set when a node that does not own the market has passed the call on: it is not passed on again. */
	readonly forwarded?: true;
	readonly user?: Principal;
	readonly deadline?: number;
	readonly client?: { readonly ip: string; readonly user_agent: string };
}
