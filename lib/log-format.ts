import { inspect } from "node:util";
import { activeSpan } from "./tracing/context.ts";

/** Whose logger it is, as Moleculer tells. */
export interface LoggerBindings {
	readonly nodeID: string;
	readonly mod: string;
	readonly svc?: string;
}

/** How deep an error's causes are told. */
const MAX_CAUSES = 3;

/**
 * A line of JSON: `time`, `level`, `node`, `service` and `message`, the fields that the caller gave, `error`, and the
 * trace where there is one.
 */
export function jsonLine(level: string, args: readonly unknown[], { nodeID, mod, svc }: LoggerBindings): string {
	const error = args.find((arg) => arg instanceof Error);
	const fields = args.filter((arg) => isFields(arg));
	const words = args.filter((arg) => arg !== error && !isFields(arg));
	const span = activeSpan();
	return JSON.stringify({
		...Object.assign({}, ...fields),
		...(span && { trace_id: span.spanContext().traceId }),
		time: new Date().toISOString(),
		level,
		node: nodeID,
		service: svc ?? mod,
		message: words.map((word) => (typeof word === "string" ? word : inspect(word))).join(" "),
		...(error && { error: toldOf(error) }),
	});
}

/** What people get to see of what is no text. */
export function shown(value: unknown): string {
	return value instanceof Error ? (value.stack ?? String(value)) : inspect(value, { breakLength: Infinity });
}

interface Told {
	readonly name: string;
	readonly message: string;
	readonly code?: string;
	readonly stack: string | undefined;
	readonly cause?: Told;
}

/** Of all that an error has: those of the database also hold the values of their statements. */
function toldOf(error: Error, depth = 0): Told {
	const { name, message, stack, cause } = error;
	const code = "type" in error ? error.type : "code" in error ? error.code : undefined;
	return {
		name,
		message,
		...(typeof code === "string" && { code }),
		stack,
		...(cause instanceof Error && depth < MAX_CAUSES && { cause: toldOf(cause, depth + 1) }),
	};
}

function isFields(arg: unknown): arg is Readonly<Record<string, unknown>> {
	return typeof arg === "object" && arg !== null && Object.getPrototypeOf(arg) === Object.prototype;
}
