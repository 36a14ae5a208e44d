import type { TypedService } from "../../lib/service.ts";
import { type Consumer, consumer } from "../../mixins/consumer.mixin.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { queryHistory } from "./events.queries.ts";
import { record } from "./events.store.ts";

const MAX_LIMIT = 500;
/** Ids and types are printable ASCII; anything else finds nothing, and NUL would be an error of the database. */
const text = { type: "string", pattern: /^[\x20-\x7e]{1,200}$/, optional: true } as const;

const events: TypedService<"events", {}, Database & Consumer> = {
	name: "events",
	// Recording is idempotent by event id, so that an inbox would only say again what the history says.
	mixins: [database("events"), consumer("events", { inbox: false })],

	actions: {
		query: {
			auth: "auditor",
			params: {
				$$strict: true,
				after: text,
				limit: { type: "number", integer: true, min: 1, max: MAX_LIMIT, optional: true },
				type: text,
				aggregate_id: text,
				correlation_id: text,
			},
			handler(ctx) {
				return queryHistory(this.db, ctx.params);
			},
		},
	},

	consumes: {
		"*": (tx, batch) => record(tx, batch),
	},
};

export default events;
