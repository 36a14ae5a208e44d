import { isRefusal } from "../refuse.ts";
import type { Fate } from "./deliveries.ts";

/** A poison event is tried so often before it goes to the dead letters, and those behind it go on. */
export const MAX_ATTEMPTS = 5;
/** The tries come 0.2, 0.8, 3.2 and 12.8 s after the one before. */
export const FIRST_RETRY_MS = 200;
const RETRY_FACTOR = 4;
/** An event that came before its predecessor waits so long for it before its tries are counted. */
export const PATIENCE_MS = 60_000;
/** It is looked at again when it has waited a quarter longer, within these bounds. */
const MIN_PARKED_MS = 50;
const MAX_PARKED_MS = 5_000;

const earlyErrors = new WeakSet<Error>();

/** What a handler throws for an event whose predecessor it has not seen: the event waits, and no try is counted. */
export function tooEarly(message: string): Error {
	const error = new Error(message);
	earlyErrors.add(error);
	return error;
}

/** Whether `error` is one of `tooEarly`. */
export function isTooEarly(error: unknown): boolean {
	return error instanceof Error && earlyErrors.has(error);
}

/** Whether a failure is none of the event's: it comes again with all others, and no try is counted. */
export function isTemporary(error: unknown): boolean {
	return isRefusal(error, "SERVICE_UNAVAILABLE") || isRefusal(error, "CAPACITY_EXCEEDED");
}

/** What becomes of an event whose handler threw `error`, after `attempts` failed tries and `ageMs` since the first. */
export function afterFailure(error: unknown, attempts: number, ageMs: number, firstRetryMs: number): Fate {
	const lastError = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
	if (isTooEarly(error) && ageMs < PATIENCE_MS) {
		const delayMs = Math.round(Math.min(Math.max(ageMs / 4, MIN_PARKED_MS), MAX_PARKED_MS));
		return { state: "parked", attempts, lastError, delayMs };
	}
	const tries = attempts + 1;
	if (tries >= MAX_ATTEMPTS) return { state: "dead", attempts: tries, lastError, delayMs: 0 };
	return { state: "retrying", attempts: tries, lastError, delayMs: firstRetryMs * RETRY_FACTOR ** attempts };
}
