import { v7 as newId } from "uuid";
import type { Instrument } from "../../../contracts/data.ts";
import type { Tx } from "../../../lib/db.ts";
import { stage } from "../../../lib/event-bus/outbox.ts";
import { createInbox, createOutbox } from "../../../lib/event-bus/schema.ts";

/** The instruments, with the first of them, and the public tape. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(POSITIVE);
	await tx.query(INSTRUMENTS);
	await tx.query(TRADES);
	await createOutbox(tx);
	await createInbox(tx);
	for (const instrument of LISTED) await list(tx, instrument);
}

/** NaN and Infinity are greater than every number in PostgreSQL, so they pass `> 0`. */
const POSITIVE = "CREATE DOMAIN positive AS numeric CHECK (VALUE > 0 AND VALUE < 'Infinity')";

/**
 * A price times a quantity must be exact in an amount's ten fraction digits, and a quantity must stay a safe integer
 * when it is counted in lots.
 */
const INSTRUMENTS = `
	CREATE TABLE instruments (
		symbol text PRIMARY KEY CHECK (symbol = base_asset || '-' || quote_asset),
		base_asset text NOT NULL CHECK (base_asset ~ '^[A-Z0-9]{2,12}$'),
		quote_asset text NOT NULL CHECK (quote_asset ~ '^[A-Z0-9]{2,12}$' AND quote_asset <> base_asset),
		tick_size positive NOT NULL,
		lot_size positive NOT NULL,
		min_quantity positive NOT NULL CHECK (min_quantity % lot_size = 0),
		max_quantity positive NOT NULL CHECK (max_quantity % lot_size = 0 AND max_quantity >= min_quantity),
		min_notional positive NOT NULL,
		maker_fee_bps integer NOT NULL CHECK (maker_fee_bps BETWEEN 0 AND 10000),
		taker_fee_bps integer NOT NULL CHECK (taker_fee_bps BETWEEN maker_fee_bps AND 10000),
		status text NOT NULL CHECK (status IN ('trading', 'halted')),
		CONSTRAINT instruments_exact_notional CHECK (scale(trim_scale(tick_size)) + scale(trim_scale(lot_size)) <= 10),
		CONSTRAINT instruments_countable_lots CHECK (max_quantity / lot_size < 9007199254740992)
	)`;

const TRADES = `
	CREATE TABLE trades (
		symbol text NOT NULL,
		trade_seq bigint NOT NULL CHECK (trade_seq > 0),
		trade_id uuid NOT NULL UNIQUE,
		price positive NOT NULL,
		quantity positive NOT NULL,
		taker_side text NOT NULL CHECK (taker_side IN ('buy', 'sell')),
		created_at timestamptz NOT NULL,
		PRIMARY KEY (symbol, trade_seq)
	)`;

const LISTED: readonly Instrument[] = [
	{
		symbol: "BTC-USD",
		base_asset: "BTC",
		quote_asset: "USD",
		tick_size: "0.01",
		lot_size: "0.00000001",
		min_quantity: "0.00001",
		max_quantity: "10000",
		min_notional: "1",
		maker_fee_bps: 10,
		taker_fee_bps: 20,
		status: "trading",
	},
	{
		symbol: "ETH-USD",
		base_asset: "ETH",
		quote_asset: "USD",
		tick_size: "0.01",
		lot_size: "0.000001",
		min_quantity: "0.0001",
		max_quantity: "100000",
		min_notional: "1",
		maker_fee_bps: 10,
		taker_fee_bps: 20,
		status: "trading",
	},
	{
		symbol: "BTC-USDT",
		base_asset: "BTC",
		quote_asset: "USDT",
		tick_size: "0.01",
		lot_size: "0.00001",
		min_quantity: "0.00001",
		max_quantity: "9000",
		min_notional: "0.5",
		maker_fee_bps: 10,
		taker_fee_bps: 10,
		status: "trading",
	},
];

async function list(tx: Tx, instrument: Instrument): Promise<void> {
	await tx.query("INSERT INTO instruments SELECT * FROM jsonb_populate_record(NULL::instruments, $1::jsonb)", [
		JSON.stringify(instrument),
	]);
	stage(tx, "data", [
		{
			type: "data.instrument_listed",
			aggregate_id: `instrument:${instrument.symbol}`,
			aggregate_seq: 1,
			data: instrument,
			correlation_id: newId(),
			actor: null,
		},
	]);
}
