import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isStorable } from "../../lib/kernel/text.ts";
import { type FieldError, refuse, refuseFields } from "../../lib/refuse.ts";
import { hasBody, readJson } from "./body.ts";
import type { Endpoint } from "./endpoint.ts";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const INTEGER = /^-?\d{1,15}$/;
const BOOLEANS: ReadonlySet<string> = new Set(["true", "false"]);

/** The client's own id for a request if it gave a sane one, else a new one. */
export function requestIdOf(header: string | string[] | undefined): string {
	return typeof header === "string" && REQUEST_ID.test(header) ? header : randomUUID();
}

/**
 * The parameters for an endpoint's action: from path, query, headers and body, each name from one of them only, so
 * that none overrides another.
 */
export async function parametersOf(
	endpoint: Endpoint,
	request: IncomingMessage,
	path: Readonly<Record<string, string>>,
	query: URLSearchParams,
): Promise<Record<string, unknown>> {
	if (!Object.values(path).every(isStorable)) throw refuse("NOT_FOUND");
	const params: Record<string, unknown> = { ...path, ...queryOf(endpoint, query), ...headersOf(endpoint, request) };
	if (!endpoint.body && !hasBody(request)) return params;
	if (!hasBody(request)) throw refuse("MALFORMED_REQUEST", "The body is missing");

	const body = await readJson(request, endpoint.oversized ?? "BODY_TOO_LARGE");
	const elsewhere = new Set([
		...Object.keys(path),
		...Object.keys(endpoint.query ?? {}),
		...Object.values(endpoint.headers ?? {}).map(({ name }) => name),
	]);
	const unknown = Object.keys(body).filter((name) => !endpoint.body || elsewhere.has(name));
	if (unknown.length > 0) throw refuseFields(unknown.map(unknownField));
	return Object.assign(params, body);
}

function queryOf(endpoint: Endpoint, query: URLSearchParams): Record<string, unknown> {
	const params: Record<string, unknown> = {};
	const errors: FieldError[] = [];
	for (const [name, text] of query) {
		const type = Object.hasOwn(endpoint.query ?? {}, name) ? endpoint.query?.[name] : undefined;
		if (type === undefined) errors.push(unknownField(name));
		else if (Object.hasOwn(params, name)) errors.push(wrong(name, "DUPLICATE", "is given twice"));
		// An empty filter of a list is none. To change things it must not be: an empty symbol would cancel all orders.
		else if (text === "" && endpoint.method === "GET") continue;
		else if (type === "integer" && !INTEGER.test(text))
			errors.push(wrong(name, "INVALID_TYPE", "must be a whole number"));
		else if (type === "boolean" && !BOOLEANS.has(text))
			errors.push(wrong(name, "INVALID_TYPE", "must be true or false"));
		else if (!isStorable(text)) errors.push(wrong(name, "INVALID_CHARACTER", "has a character that is not allowed"));
		else params[name] = valueOf(text, type);
	}
	if (errors.length > 0) throw refuseFields(errors);
	return params;
}

function valueOf(text: string, type: "text" | "integer" | "boolean"): string | number | boolean {
	if (type === "integer") return Number(text);
	return type === "boolean" ? text === "true" : text;
}

function headersOf(endpoint: Endpoint, { headers }: IncomingMessage): Record<string, string> {
	const params: Record<string, string> = {};
	for (const [header, { name, required }] of Object.entries(endpoint.headers ?? {})) {
		const value = headers[header];
		if (required && !value) throw refuseFields([wrong(name, "REQUIRED", `must be in the header ${header}`)]);
		if (typeof value === "string") params[name] = value;
	}
	return params;
}

function unknownField(name: string): FieldError {
	return wrong(name, "UNKNOWN_FIELD", "is not known here");
}

function wrong(name: string, code: string, what: string): FieldError {
	return { pointer: `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, code, message: `${name} ${what}` };
}
