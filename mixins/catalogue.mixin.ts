import type { Context, Service } from "moleculer";
import DbService, { type MoleculerDB } from "moleculer-db";
import SequelizeDbAdapter from "moleculer-db-adapter-sequelize";
import { BaseError, type Model, type ModelStatic, type Sequelize, type WhereOptions } from "sequelize";
import { refuse } from "../lib/refuse.ts";
import { mixin } from "../lib/service.ts";
import type { Database } from "./database.mixin.ts";

interface Filter<Row> {
	readonly query?: WhereOptions<Row>;
	/** Fields to sort by, with a `-` before the descending ones. */
	readonly sort?: readonly string[];
	readonly limit?: number;
	readonly offset?: number;
}

type Caller = Context<never> | null;

/** What a service with a catalogue has: moleculer-db's reads, giving rows as `fields` shows them. */
export interface Catalogue<Row> {
	/** At most `maxLimit` rows, whatever `limit` says. */
	_find(ctx: Caller, filter?: Filter<Row>): Promise<Row[]>;
	/** Refuses `NOT_FOUND`. */
	_get(ctx: Caller, params: { readonly id: string }): Promise<Row>;
	_count(ctx: Caller, filter?: Pick<Filter<Row>, "query">): Promise<number>;
}

interface CatalogueOptions<Row> {
	/** Gives the model of a table that a migration has made: it is never synchronized. */
	model(sequelize: Sequelize): ModelStatic<Model>;
	/** The primary key. */
	readonly idField: keyof Row & string;
	/** What a read shows; the rest stays in the database. */
	readonly fields: readonly (keyof Row & string)[];
	/** The most rows of one read. */
	readonly maxLimit: number;
}

type Stock = MoleculerDB<SequelizeDbAdapter> & {
	methods: {
		_find(ctx: Caller, filter: object): Promise<never[]>;
		_count(ctx: Caller, filter: object): Promise<number>;
	};
} & Record<"created" | "started" | "stopped", unknown>;

// Left out: its actions, which would let any caller write and filter at will; its lifecycle, which waits for a database
// for ever, and closes the pool that the database mixin closes.
const { actions: _a, created: _c, started: _s, stopped: _t, ...stock } = DbService as unknown as Stock;

/** Gives a service with a database moleculer-db's reads of one of its tables, on the service's own pool. */
export function catalogue<Row extends object>(options: CatalogueOptions<Row>) {
	const { idField, fields, maxLimit } = options;
	return mixin<Catalogue<Row>, Database & { adapter: SequelizeDbAdapter }, {}>({
		mixins: [stock as object],
		settings: { idField, fields, maxLimit },
		methods: {
			_find(ctx, filter = {}) {
				// The adapter takes a limit below 1 for none.
				const limit = Math.max(1, Math.min(filter.limit ?? maxLimit, maxLimit));
				return served(this, stock.methods._find.call(this, ctx, { ...filter, limit }));
			},
			async _get(ctx, { id }) {
				const [row] = await this._find(ctx, { query: { [idField]: id } as WhereOptions<Row>, limit: 1 });
				if (!row) throw refuse("NOT_FOUND");
				return row;
			},
			_count(ctx, filter = {}) {
				return served(this, stock.methods._count.call(this, ctx, { ...filter }));
			},
		},
		async started() {
			Object.assign(this.schema, { model: options.model(this.db.sequelize) });
			this.adapter = new SequelizeDbAdapter(this.db.sequelize);
			this.adapter.init(this.broker, this);
			await this.adapter.connect();
		},
	});
}

/** The statements are always the same, so an error of the database is that it cannot serve now. */
function served<T>(service: Service, read: Promise<T>): Promise<T> {
	return read.catch((error) => {
		if (!(error instanceof BaseError)) throw error;
		service.logger.error("The catalogue cannot be read", error);
		throw refuse("SERVICE_UNAVAILABLE", "The database cannot be reached");
	});
}
