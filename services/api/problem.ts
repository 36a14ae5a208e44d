import { STATUS_CODES } from "node:http";
import { Errors } from "moleculer";
import { type FieldError, type RefusalCode, statusOf } from "../../lib/refuse.ts";
import { RETRY_AFTER_S } from "./limits.ts";

/** Why a request was not served, as the client is told. */
export interface Problem {
	readonly status: number;
	readonly code: string;
	readonly detail: string;
	readonly errors?: readonly FieldError[];
	/** How soon the client may try again, where that is known. */
	readonly retryAfterS?: number;
	/** Whether it is what became of the same request before. */
	readonly replayed?: boolean;
	/** Members of our own. */
	readonly more?: Readonly<Record<string, unknown>>;
}

/** What of a refusal's data clients get to see. */
const SHOWN = ["order_id", "limit", "observed"] as const;

/** Errors that say that nothing was begun, and errors after which nobody knows; most are Moleculer's own. */
const ABSENT: ReadonlySet<string> = new Set([
	"SERVICE_UNAVAILABLE",
	"SERVICE_NOT_FOUND",
	"SERVICE_NOT_AVAILABLE",
	"QUEUE_FULL",
	"BAD_GATEWAY",
]);
const UNANSWERED: ReadonlySet<string> = new Set([
	"REQUEST_TIMEOUT",
	"REQUEST_REJECTED",
	"REQUEST_SKIPPED",
	"DEADLINE_EXCEEDED",
]);

/** Our codes for what fastest-validator finds; whatever is not here is a value of a wrong form. */
const FIELD_CODES: Readonly<Record<string, string>> = {
	required: "REQUIRED",
	objectStrict: "UNKNOWN_FIELD",
	string: "INVALID_TYPE",
	number: "INVALID_TYPE",
	numberInteger: "INVALID_TYPE",
	boolean: "INVALID_TYPE",
	object: "INVALID_TYPE",
	array: "INVALID_TYPE",
	record: "INVALID_TYPE",
	arrayMin: "TOO_SHORT",
	arrayMax: "TOO_LONG",
	arrayUnique: "DUPLICATE",
	stringEmpty: "TOO_SHORT",
	stringMin: "TOO_SHORT",
	stringMax: "TOO_LONG",
	numberMin: "OUT_OF_RANGE",
	numberMax: "OUT_OF_RANGE",
	enumValue: "NOT_ALLOWED",
	stringEnum: "NOT_ALLOWED",
};

interface Invalid {
	readonly type: string;
	readonly message?: string;
	readonly field?: string;
	readonly actual?: unknown;
}

/** What a refusal may tell besides its code. */
interface Told extends Readonly<Record<string, unknown>> {
	readonly errors?: readonly FieldError[];
	readonly retry_after_s?: number;
	readonly replayed?: boolean;
}

interface Asked {
	/** Whether the request would have changed something. */
	readonly writes: boolean;
	/** The parameters that its path gave. */
	readonly path: readonly string[];
}

/** What to tell the client of `error`; what is none of its business becomes `INTERNAL_ERROR` without a word more. */
export function problemOf(error: unknown, asked: Asked): Problem {
	const { type = "", code } = error instanceof Errors.MoleculerError ? error : {};
	if (type === "VALIDATION_ERROR") return invalid(error as Errors.MoleculerError, asked);
	if (UNANSWERED.has(type)) {
		return asked.writes
			? problem("OUTCOME_UNKNOWN", "No answer in time: it may have been done; ask, or send it again under the same key")
			: problem("DEADLINE_EXCEEDED", "No answer in time");
	}
	// moleculer-web's errors carry a code and no type: 503 for an absent service, 400 for a path that cannot be decoded.
	if (ABSENT.has(type) || (code === 503 && statusOf(type) === undefined))
		return problem("SERVICE_UNAVAILABLE", "The service is not available at this moment");
	if (type !== "INTERNAL_ERROR" && statusOf(type) !== undefined) return refusal(error as Errors.MoleculerError);
	if (code === 400) return problem("MALFORMED_REQUEST", "The address cannot be decoded");
	return problem("INTERNAL_ERROR", "Something went wrong on our side");
}

function problem(code: RefusalCode, detail: string): Problem {
	return { status: statusOf(code) as number, code, detail };
}

function refusal({ type, message, data }: Errors.MoleculerError): Problem {
	const { errors, retry_after_s, replayed = false, ...rest } = (data ?? {}) as Told;
	const more = Object.fromEntries(SHOWN.filter((name) => rest[name] !== undefined).map((name) => [name, rest[name]]));
	return {
		...problem(type as RefusalCode, message),
		...(errors && { errors }),
		...(retry_after_s !== undefined && { retryAfterS: retry_after_s }),
		...(replayed && { replayed }),
		more,
	};
}

/** A path that no such thing can be at leads to nothing; everything else that is wrong is told field by field. */
function invalid(error: Errors.MoleculerError, asked: Asked): Problem {
	const errors = (error.data as readonly Invalid[]).flatMap(fieldErrors);
	if (errors.every(({ pointer }) => asked.path.includes(pointer.slice(1))))
		return problem("NOT_FOUND", "There is nothing at this address");
	const code = errors.every((field) => field.code === "UNKNOWN_FIELD") ? "UNKNOWN_FIELD" : "VALIDATION_FAILED";
	return { ...problem(code, errors[0]?.message ?? "The request is not valid"), errors };
}

function fieldErrors({ type, field = "", actual, message = "" }: Invalid): FieldError[] {
	const pointer = field && `/${field.replaceAll(/[.[]/g, "/").replaceAll("]", "")}`;
	if (type !== "objectStrict") return [{ pointer, code: FIELD_CODES[type] ?? "INVALID_FORMAT", message }];
	return String(actual)
		.split(", ")
		.map((name) => ({ pointer: `${pointer}/${name}`, code: "UNKNOWN_FIELD", message: `${name} is not known here` }));
}

/** What is said in headers beside a status. */
export function problemHeaders(of: Problem): Record<string, string> {
	return { ...statusHeaders(of), ...(of.replayed && { "Idempotency-Replayed": "true" }) };
}

function statusHeaders({ status, retryAfterS }: Problem): Record<string, string> {
	if (status === 401) return { "WWW-Authenticate": "Bearer" };
	if (status === 413) return { Connection: "close" };
	return status === 503 || status === 429 ? { "Retry-After": String(retryAfterS ?? RETRY_AFTER_S) } : {};
}

/** The problem as RFC 9457 wants it. */
export function problemBody(
	of: Problem,
	request: { readonly id: string; readonly path: string },
): Record<string, unknown> {
	return {
		type: "about:blank",
		title: STATUS_CODES[of.status],
		status: of.status,
		detail: of.detail,
		instance: request.path,
		code: of.code,
		request_id: request.id,
		...of.more,
		...(of.errors && { errors: of.errors }),
	};
}
