import type { SecurityRecord } from "../../../contracts/audit.ts";
import type { Envelope } from "../../../contracts/events.ts";
import type { Events } from "../../../contracts/index.ts";
import { canonicalJson, type Json } from "../../../lib/kernel/canonical-json.ts";
import { sha256 } from "../../../lib/kernel/sha256.ts";
import type { Draft } from "./chain.ts";

/** The audit tells its own events and does not record them: each would be followed by another for ever. */
const OWN = "audit.";

/** Whose events an auditor reads: those of people and of operators. Of orders and trades there are millions. */
const DETAILED: ReadonlySet<string> = new Set(["auth", "users", "config", "risk", "events", "notifications"]);

/** So that the longest page of records (500) fits into one message of the cluster (1 MiB). */
const MAX_DETAILS_BYTES = 1_024;

interface Reading {
	/** Why something did not come about; without it `ok`. */
	readonly result?: string | null;
	/** From where, when the envelope names nobody. */
	readonly ip?: string;
}

/** What an event's data tell that its envelope does not. */
const READINGS: { readonly [E in keyof Events]?: (data: Events[E]) => Reading } = {
	"auth.login_failed": ({ reason, ip }) => ({ result: reason, ip }),
	"orders.status_updated": ({ reject_code }) => ({ result: reject_code }),
	"trading.execution_reported": ({ reject_code }) => ({ result: reject_code }),
};

/** Whether an event is one for the audit. */
export function isRecorded({ type }: Pick<Envelope, "type">): boolean {
	return !type.startsWith(OWN);
}

/** An event as it is recorded. */
export function draftOfEvent(event: Envelope): Draft {
	const { type, data, actor } = event;
	const read = READINGS[type as keyof Events] as ((data: unknown) => Reading) | undefined;
	const { result, ip } = read?.(data) ?? {};
	return {
		event_id: event.event_id,
		time: event.timestamp,
		user_id: actor?.user_id ?? null,
		action: type,
		object: event.aggregate_id,
		ip: actor?.ip ?? ip ?? null,
		result: result ?? "ok",
		request_id: event.correlation_id,
		data_hash: sha256(JSON.stringify(data)),
		details: DETAILED.has(type.slice(0, type.indexOf("."))) ? detailsOf(data) : null,
	};
}

/** What is no event, as it is recorded. */
export function draftOfSecurity({ details, ...record }: SecurityRecord): Draft {
	return { ...record, data_hash: null, details: detailsOf(details) };
}

function detailsOf(data: unknown): string | null {
	if (typeof data !== "object" || data === null) return null;
	const text = canonicalJson(data as Json);
	return Buffer.byteLength(text) <= MAX_DETAILS_BYTES ? text : null;
}
