import { DataTypes, type Model, type ModelStatic, type Sequelize } from "sequelize";
import type { Instrument } from "../../contracts/data.ts";

const COLUMNS = {
	symbol: { type: DataTypes.TEXT, primaryKey: true },
	base_asset: DataTypes.TEXT,
	quote_asset: DataTypes.TEXT,
	tick_size: DataTypes.DECIMAL,
	lot_size: DataTypes.DECIMAL,
	min_quantity: DataTypes.DECIMAL,
	max_quantity: DataTypes.DECIMAL,
	min_notional: DataTypes.DECIMAL,
	maker_fee_bps: DataTypes.INTEGER,
	taker_fee_bps: DataTypes.INTEGER,
	status: DataTypes.TEXT,
} satisfies Record<keyof Instrument, unknown>;

export const INSTRUMENT_FIELDS = Object.keys(COLUMNS) as readonly (keyof Instrument)[];

/** The table of instruments, for reading. */
export function instrumentModel(sequelize: Sequelize): ModelStatic<Model> {
	return sequelize.define("instrument", COLUMNS, { tableName: "instruments", timestamps: false });
}
