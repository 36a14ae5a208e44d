import { MAX_RECORDS_AT_ONCE } from "../../lib/audit.ts";
import { pageRules, UUID_KEY } from "../../lib/page.ts";
import type { TypedService } from "../../lib/service.ts";
import { timestampRule } from "../../lib/time.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { APP_ROLE } from "./app-role.ts";
import { anchorOverdue, openRecorder, type Recorder, recordEvents } from "./audit.commands.ts";
import { exportRecords, listRecords } from "./audit.queries.ts";
import { openVerifications, type Verifications } from "./verifications.ts";

/** A record waits so long for an anchor when no others come to be anchored with it. */
const MAX_UNANCHORED_S = 60;
const ANCHOR_CHECK_MS = 5_000;

/** Printable ASCII; anything else finds nothing, and NUL would be an error of the database. */
const name = { type: "string", pattern: /^[\x20-\x7e]{1,64}$/ } as const;
/** An aggregate's id, or an address. */
const object = { type: "string", pattern: /^[\x20-\x7e]{1,200}$/ } as const;
const optional = { optional: true } as const;
const filterRules = () => ({
	user_id: { ...name, ...optional },
	action: { ...name, ...optional },
	object: { ...object, ...optional },
	result: { ...name, ...optional },
	request_id: { ...name, ...optional },
	since: timestampRule(),
	until: timestampRule(),
});
const securityRecord = {
	type: "object",
	strict: true,
	props: {
		event_id: { type: "string", pattern: UUID_KEY },
		time: { type: "string", pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ },
		user_id: { ...name, nullable: true },
		action: name,
		object,
		ip: { ...name, nullable: true },
		result: name,
		request_id: name,
		details: { type: "object", nullable: true },
	},
} as const;

interface Parts {
	recorder: Recorder;
	verifications: Verifications;
	anchoring: NodeJS.Timeout;
	/** Ends what calls other services, before the node stops any of them. */
	drain(): Promise<void>;
}

const audit: TypedService<"audit", {}, Database & Outbox & Parts> = {
	name: "audit",
	// Recording is idempotent by event id, so that an inbox would only say again what the records say.
	mixins: [
		database("audit", { role: APP_ROLE }),
		outbox("audit"),
		consumer("audit", { recordedIn: "records", except: ["audit.anchored"] }),
	],

	actions: {
		query: {
			auth: "auditor",
			params: { $$strict: true, ...pageRules, ...filterRules() },
			handler(ctx) {
				return listRecords(this.db, ctx.params);
			},
		},
		verify: {
			auth: "auditor",
			// Who asks again comes to the node that works for him.
			strategy: "Shard",
			strategyOptions: { shardKey: "#client.ip" },
			handler(ctx) {
				return this.verifications.ask(ctx);
			},
		},
		export: {
			auth: "auditor",
			params: {
				$$strict: true,
				...filterRules(),
				format: { type: "enum", values: ["csv", "ndjson"], ...optional },
				cursor: pageRules.cursor,
			},
			handler(ctx) {
				return exportRecords(this, ctx);
			},
		},
		record: {
			auth: "internal",
			params: {
				$$strict: true,
				records: { type: "array", min: 1, max: MAX_RECORDS_AT_ONCE, items: securityRecord },
			},
			async handler(ctx) {
				return { recorded: await this.recorder.add(ctx.params.records) };
			},
		},
	},

	consumes: {
		"*"(tx, events) {
			return recordEvents(this, tx, events);
		},
	},

	created() {
		this.recorder = openRecorder(this);
		this.verifications = openVerifications(this);
		this.drain = () => this.verifications.stop();
	},

	async started() {
		this.anchoring = setInterval(() => {
			anchorOverdue(this, MAX_UNANCHORED_S).catch((error) =>
				this.logger.warn("The audit's chain could not be anchored", error),
			);
		}, ANCHOR_CHECK_MS);
	},

	async stopped() {
		clearInterval(this.anchoring);
		await this.verifications.stop();
		await this.recorder.drained();
	},
};

export default audit;
