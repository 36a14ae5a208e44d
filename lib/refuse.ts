import { Errors } from "moleculer";

/** Every code that a client can meet, with its HTTP status. Codes are stable: clients switch on them. */
const STATUS = {
	MALFORMED_REQUEST: 400,
	UNAUTHENTICATED: 401,
	INVALID_CREDENTIALS: 401,
	TOKEN_EXPIRED: 401,
	SESSION_REVOKED: 401,
	FORBIDDEN: 403,
	INSUFFICIENT_FUNDS: 403,
	PAPER_DEPOSITS_DISABLED: 403,
	USER_SUSPENDED: 403,
	NOT_FOUND: 404,
	METHOD_NOT_ALLOWED: 405,
	CLIENT_ORDER_ID_REUSED: 409,
	EMAIL_TAKEN: 409,
	ILLEGAL_TRANSITION: 409,
	MAX_API_KEYS: 409,
	MAX_SUBSCRIPTIONS: 409,
	MAX_USERS: 409,
	MAX_WEBHOOKS: 409,
	TOO_LATE_TO_REPLACE: 409,
	USERNAME_TAKEN: 409,
	VERSION_CONFLICT: 409,
	BODY_TOO_LARGE: 413,
	UNSUPPORTED_MEDIA_TYPE: 415,
	BELOW_MIN_NOTIONAL: 422,
	IDEMPOTENCY_KEY_REUSED: 422,
	MARKET_NOT_OPEN: 422,
	MAX_OPEN_ORDERS: 422,
	MAX_ORDER_NOTIONAL: 422,
	NO_LAST_PRICE: 422,
	NO_LIQUIDITY: 422,
	POST_ONLY_WOULD_TAKE: 422,
	PRICE_OUT_OF_BAND: 422,
	REDUCE_ONLY: 422,
	SELF_TRADE_PREVENTED: 422,
	TRADING_HALTED: 422,
	UNKNOWN_FIELD: 422,
	VALIDATION_FAILED: 422,
	RATE_LIMITED: 429,
	INTERNAL_ERROR: 500,
	BOOK_FULL: 503,
	CAPACITY_EXCEEDED: 503,
	NOT_READY: 503,
	SERVICE_UNAVAILABLE: 503,
	DEADLINE_EXCEEDED: 504,
	OUTCOME_UNKNOWN: 504,
} as const;
export type RefusalCode = keyof typeof STATUS;

/** What is wrong with one field of a request; `pointer` is a JSON Pointer (RFC 6901), `code` is stable. */
export interface FieldError {
	readonly pointer: string;
	readonly code: string;
	readonly message: string;
}

interface RefusalData {
	readonly errors?: readonly FieldError[];
	readonly [key: string]: unknown;
}

/** The HTTP status that `code` answers with, or undefined when it is none of ours. */
export function statusOf(code: string): number | undefined {
	return Object.hasOwn(STATUS, code) ? STATUS[code as RefusalCode] : undefined;
}

/**
 * An error for whoever asked, with a stable `type`. It is of one of Moleculer's own classes, since those arrive on
 * another node whole while subclasses arrive as a bare `Error`.
 */
export function refuse(code: RefusalCode, message?: string, data: RefusalData = {}): Errors.MoleculerError {
	const status = STATUS[code];
	const text = message ?? sentence(code);
	return status >= 500
		? new Errors.MoleculerServerError(text, status, code, data)
		: new Errors.MoleculerClientError(text, status, code, data);
}

/**
 * 404 for what is not there, and for what is somebody else's: `foreign` is then the id of its aggregate, which the
 * audit keeps and no client gets to see.
 */
export function refuseNotFound(message: string, foreign: string | null = null): Errors.MoleculerError {
	return refuse("NOT_FOUND", message, foreign === null ? {} : { foreign });
}

/** 422 with what is wrong with each field. */
export function refuseFields(errors: readonly FieldError[]): Errors.MoleculerError {
	const unknownOnly = errors.every((error) => error.code === "UNKNOWN_FIELD");
	return refuse(unknownOnly ? "UNKNOWN_FIELD" : "VALIDATION_FAILED", errors[0]?.message, { errors });
}

/** Whether `error` is a refusal with `code`, here or on the node it came from. */
export function isRefusal(error: unknown, code: RefusalCode): boolean {
	return error instanceof Errors.MoleculerError && error.type === code;
}

function sentence(code: RefusalCode): string {
	const words = code.toLowerCase().replaceAll("_", " ");
	return words.charAt(0).toUpperCase() + words.slice(1);
}
