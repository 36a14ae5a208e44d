import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline, type Readable } from "node:stream";
import { STREAM_STALL_MS } from "./limits.ts";

/** Every answer is data, for whoever asked alone: nothing to keep, to show in a frame, to run or to guess at. */
const HEADERS: readonly (readonly [string, string])[] = [
	["Cache-Control", "no-store"],
	["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
	["Cross-Origin-Resource-Policy", "same-origin"],
	["X-Content-Type-Options", "nosniff"],
];

const EXPOSED_HEADERS =
	"Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, Traceparent, X-Request-Id";
const ALLOWED_HEADERS =
	"Authorization, Content-Type, Idempotency-Key, Traceparent, X-Api-Key, X-Api-Secret, X-Request-Id";
const PREFLIGHT_MAX_AGE_S = 600;

const CLIENT_LEFT = "ERR_STREAM_PREMATURE_CLOSE";

/** Puts on what every answer carries. */
export function setHeaders(response: ServerResponse, requestId: string): void {
	for (const [name, value] of HEADERS) response.setHeader(name, value);
	response.setHeader("X-Request-Id", requestId);
}

/** Lets pages of exactly these `origins` read the answers; others get no word of CORS. */
export function setCorsHeaders(origins: ReadonlySet<string>, request: IncomingMessage, response: ServerResponse): void {
	if (origins.size === 0) return;
	response.setHeader("Vary", "Origin");
	const { origin } = request.headers;
	if (origin === undefined || !origins.has(origin)) return;
	response.setHeader("Access-Control-Allow-Origin", origin);
	response.setHeader("Access-Control-Expose-Headers", EXPOSED_HEADERS);
}

/** Answers OPTIONS, which asks what else may be asked: `methods`. */
export function sendOptions(response: ServerResponse, methods: readonly string[]): void {
	const allow = methods.join(", ");
	if (response.hasHeader("Access-Control-Allow-Origin")) {
		response.setHeader("Access-Control-Allow-Methods", allow);
		response.setHeader("Access-Control-Allow-Headers", ALLOWED_HEADERS);
		response.setHeader("Access-Control-Max-Age", PREFLIGHT_MAX_AGE_S);
	}
	response.writeHead(204, { Allow: allow });
	response.end();
}

export interface OutgoingAnswer {
	readonly status: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body: unknown;
}

/** Sends `body` as JSON, or only its headers where the client asks no more. */
export function sendJson(
	request: IncomingMessage,
	response: ServerResponse,
	answer: OutgoingAnswer,
	type = "application/json; charset=utf-8",
): void {
	if (response.headersSent || response.destroyed) return;
	// As text and not as bytes, so that Node sends it in one piece with the headers.
	const text = JSON.stringify(answer.body ?? null);
	response.writeHead(answer.status, {
		...answer.headers,
		"Content-Type": type,
		"Content-Length": Buffer.byteLength(text),
	});
	response.end(request.method === "HEAD" ? undefined : text);
}

/**
 * Sends the text of `body` as fast as the client takes it. When it fails, which `onFailure` is told, or the client
 * stalls or leaves, both are ended: the client then knows that it has not got all.
 */
export function sendStream(
	request: IncomingMessage,
	response: ServerResponse,
	{ status, headers }: OutgoingAnswer,
	body: Readable,
	onFailure: (error: Error) => void,
): void {
	if (response.headersSent || response.destroyed) return void body.destroy();
	response.writeHead(status, { ...headers });
	if (request.method === "HEAD") {
		body.destroy();
		return void response.end();
	}
	response.setTimeout(STREAM_STALL_MS, () => response.destroy());
	pipeline(body, response, (error) => {
		if (error && error.code !== CLIENT_LEFT) onFailure(error);
	});
}
