import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { isStorable } from "../../lib/kernel/text.ts";
import { type FieldError, type RefusalCode, refuse, refuseFields } from "../../lib/refuse.ts";
import { MAX_BODY_BYTES, MAX_BODY_DEPTH } from "./limits.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

const JSON_TYPE = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const STRINGS = /"(?:[^"\\]|\\.)*"/g;

/** Keys that reach an object's prototype where somebody copies them carelessly. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Whether a request has a body at all. */
export function hasBody({ headers }: IncomingMessage): boolean {
	return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** The JSON object in a request's body. A body over the limit is refused with `oversized`. */
export async function readJson(request: IncomingMessage, oversized: RefusalCode): Promise<JsonObject> {
	const { "content-type": type = "", "content-encoding": encoding = "identity" } = request.headers;
	if (!JSON_TYPE.test(type) || encoding !== "identity") {
		throw refuse("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json in UTF-8");
	}
	return parseJson(await readBytes(request, oversized));
}

function readBytes(request: IncomingMessage, oversized: RefusalCode): Promise<Buffer> {
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let length = 0;
		const stop = () => request.off("data", take).off("end", finish).off("close", abort);
		const tooLong = () => {
			// What still comes is thrown away by the server, for as long as a request may take.
			stop().resume();
			reject(refuse(oversized, `The body is longer than ${MAX_BODY_BYTES} bytes`));
		};
		const take = (chunk: Buffer) => {
			length += chunk.length;
			if (length > MAX_BODY_BYTES) tooLong();
			else chunks.push(chunk);
		};
		const finish = () => {
			stop();
			resolve(Buffer.concat(chunks));
		};
		const abort = () => reject(refuse("MALFORMED_REQUEST", "The body ended early"));
		// It has closed already, and will not do so again.
		if (request.destroyed) abort();
		else if (Number(request.headers["content-length"]) > MAX_BODY_BYTES) tooLong();
		else request.on("data", take).once("end", finish).once("close", abort);
	});
}

/**
 * The object that `bytes` spell in JSON, for which only one reading is possible: no key twice, none that reaches a
 * prototype, no text that cannot be stored.
 */
export function parseJson(bytes: Buffer): JsonObject {
	if (!isUtf8(bytes)) throw malformed("is not UTF-8");
	const text = bytes.toString();
	const value = parsed(text);
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("is not a JSON object");

	const badTexts: FieldError[] = [];
	const members = countMembers(value, "", 1, badTexts);
	// Each member has a colon outside of strings; a key that came twice has left one member for two colons.
	if (text.replace(STRINGS, "").split(":").length - 1 !== members) throw malformed("has a key twice");
	if (badTexts.length > 0) throw refuseFields(badTexts);
	return value as JsonObject;
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		throw malformed("is not JSON");
	}
}

/** How many members the objects in `value` have; notes texts that no database can keep. */
function countMembers(value: unknown, pointer: string, depth: number, badTexts: FieldError[]): number {
	if (typeof value === "string" && !isStorable(value)) {
		badTexts.push({ pointer, code: "INVALID_CHARACTER", message: "NUL and lone surrogates are not allowed" });
	}
	if (typeof value !== "object" || value === null) return 0;
	if (depth > MAX_BODY_DEPTH) throw malformed(`is nested deeper than ${MAX_BODY_DEPTH} levels`);
	let members = 0;
	for (const [key, child] of Object.entries(value)) {
		if (FORBIDDEN_KEYS.has(key) || !isStorable(key)) throw malformed("has a key that is not allowed");
		const path = `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
		members += (Array.isArray(value) ? 0 : 1) + countMembers(child, path, depth + 1, badTexts);
	}
	return members;
}

function malformed(what: string) {
	return refuse("MALFORMED_REQUEST", `The body ${what}`);
}
