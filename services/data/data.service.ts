import type { Instrument } from "../../contracts/data.ts";
import { pageRules } from "../../lib/page.ts";
import { call, type TypedService } from "../../lib/service.ts";
import { type Catalogue, catalogue } from "../../mixins/catalogue.mixin.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { INSTRUMENT_FIELDS, instrumentModel } from "./data.models.ts";
import { readTape } from "./data.queries.ts";
import { saveTrades } from "./data.store.ts";

const MAX_INSTRUMENTS = 1_000;
const MAX_DEPTH = 500;
const symbol = { type: "string", pattern: /^[A-Z0-9]{2,12}-[A-Z0-9]{2,12}$/ } as const;

const data: TypedService<"data", {}, Database & Outbox & Catalogue<Instrument>> = {
	name: "data",
	mixins: [
		database("data"),
		outbox("data"),
		consumer("data"),
		catalogue<Instrument>({
			model: instrumentModel,
			idField: "symbol",
			fields: INSTRUMENT_FIELDS,
			maxLimit: MAX_INSTRUMENTS,
		}),
	],

	actions: {
		instruments: {
			auth: "public",
			cache: true,
			async handler() {
				return { items: await this._find(null, { sort: ["symbol"] }) };
			},
		},
		instrument: {
			auth: "public",
			cache: { keys: ["symbol"] },
			params: { $$strict: true, symbol },
			handler(ctx) {
				return this._get(null, { id: ctx.params.symbol });
			},
		},
		book: {
			auth: "public",
			params: {
				$$strict: true,
				symbol,
				depth: { type: "number", integer: true, min: 1, max: MAX_DEPTH, optional: true },
			},
			handler(ctx) {
				return call(ctx, "trading.depth", ctx.params);
			},
		},
		trades: {
			auth: "public",
			params: { $$strict: true, ...pageRules, symbol },
			handler(ctx) {
				return readTape(this, ctx.params);
			},
		},
	},

	consumes: {
		"trading.trade_executed": (tx, events) =>
			saveTrades(
				tx,
				events.map((event) => event.data),
			),
	},
};

export default data;
