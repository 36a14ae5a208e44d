import { sqlStateOf } from "../../lib/postgres/errors.ts";
import type { StatefulService } from "../../lib/topology.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";

const CHECK_VIOLATION = "23514";

/** What no row may hold, by table and column. */
const IMPOSSIBLE: Partial<Record<StatefulService, Readonly<Record<string, Readonly<Record<string, string[]>>>>>> = {
	orders: {
		orders: {
			side: ["long"],
			order_type: ["iceberg"],
			time_in_force: ["aon"],
			status: ["lost"],
			self_trade_prevention: ["maybe"],
			price: ["0", "-1", "NaN"],
			average_price: ["0", "NaN"],
			notional: ["-1", "NaN"],
			stop_price: ["0", "NaN"],
			trail_amount: ["0", "NaN"],
			trail_percent: ["0", "100", "NaN"],
			display_quantity: ["0", "NaN"],
			filled_notional: ["-1", "NaN"],
			fee: ["-1", "NaN"],
		},
	},
	trading: {
		accounts: { kind: ["other"], balance: ["NaN"], held: ["-1", "NaN"] },
		postings: { kind: ["gift"], amount: ["0", "NaN"] },
		positions: { lots: ["NaN"], cost: ["NaN"], realized: ["NaN"], fees: ["-1", "NaN"] },
		orders: {
			side: ["long"],
			order_type: ["iceberg"],
			time_in_force: ["aon"],
			status: ["pending"],
			self_trade_prevention: ["maybe"],
			price_ticks: ["0"],
			stop_ticks: ["0"],
			trail_ticks: ["-1"],
			trail_bps: ["0", "10000"],
			notional: ["0", "NaN"],
			filled_notional: ["-1", "NaN"],
			fee: ["-1", "NaN"],
			hold: ["-1", "NaN"],
		},
		trades: {
			taker_side: ["long"],
			price: ["0", "NaN"],
			quantity: ["0", "NaN"],
			maker_fee: ["-1"],
			taker_fee: ["NaN"],
		},
		markets: {
			status: ["closed"],
			tick_size: ["0", "NaN"],
			lot_size: ["0", "NaN"],
			maker_fee_bps: ["-1", "10001"],
			taker_fee_bps: ["-1", "10001"],
		},
	},
};

const cases = Object.entries(IMPOSSIBLE).flatMap(([service, tables]) =>
	Object.entries(tables).map(([table, columns]) => ({ service: service as StatefulService, table, columns })),
);

test.each(cases)("$service: no row of $table holds what its columns cannot", async ({ service, table, columns }) => {
	const database = await createDatabase(service);
	try {
		for (const [column, values] of Object.entries(columns)) {
			for (const value of values)
				expect([column, value, await refusal(database, table, column, value)]).toEqual([
					column,
					value,
					CHECK_VIOLATION,
				]);
		}
	} finally {
		await database.drop();
	}
});

/** A value that the column takes is refused for want of the others. */
function refusal({ db }: TestDatabase, table: string, column: string, value: string): Promise<string | undefined> {
	return db.query(`INSERT INTO ${table} (${column}) VALUES ($1)`, [value]).then(() => undefined, sqlStateOf);
}
