import type { TypedService } from "../../lib/service.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { setSetting } from "./config.commands.ts";
import { listSettings, readHistory, readSetting } from "./config.queries.ts";

const key = { type: "string", min: 1, max: 64 } as const;

const config: TypedService<"config", {}, Database & Outbox> = {
	name: "config",
	mixins: [database("config"), outbox("config")],

	actions: {
		list: {
			auth: "auditor",
			async handler() {
				return { items: await listSettings(this.db) };
			},
		},
		get: {
			auth: "auditor",
			params: { $$strict: true, key },
			handler(ctx) {
				return readSetting(this.db, ctx.params.key);
			},
		},
		value: {
			auth: "internal",
			params: { $$strict: true, key },
			handler(ctx) {
				return readSetting(this.db, ctx.params.key);
			},
		},
		set: {
			auth: "admin",
			params: {
				$$strict: true,
				key,
				value: [{ type: "number" }, { type: "boolean" }],
				expected_version: { type: "number", integer: true, min: 0 },
			},
			handler(ctx) {
				return setSetting(this, ctx);
			},
		},
		history: {
			auth: "auditor",
			params: { $$strict: true, key },
			async handler(ctx) {
				return { items: await readHistory(this.db, ctx.params.key) };
			},
		},
	},
};

export default config;
