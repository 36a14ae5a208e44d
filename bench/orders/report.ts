import Table from "cli-table3";
import type { Report } from "../../cli/programs.ts";
import { type Machine, showMachine } from "../machine.ts";
import { medianOf } from "../statistics.ts";
import type { LoadFigures } from "./load.ts";
import type { TpcbWay } from "./tpcb.ts";

/** What one round gave. */
export interface Taken {
	readonly tpcb_per_s: number;
	readonly orders: OrderFigures;
	readonly empty: LoadFigures;
}

export type OrderFigures = LoadFigures & { readonly cpu_ms_per_order: number };

/** What a number of connections gave: medians of the rounds. */
export interface Figures {
	readonly connections: number;
	readonly orders_per_s: number;
	readonly p50_ms: number;
	readonly p95_ms: number;
	readonly p99_ms: number;
	/** Of the product's process, without PostgreSQL. */
	readonly cpu_ms_per_order: number;
	readonly tpcb_per_s: number;
	readonly empty_action_per_s: number;
	/** Medians of the rounds' own ratios. */
	readonly of_tpcb: number;
	readonly of_empty_action: number;
	readonly failed: number;
}

export interface Measured {
	readonly peaks: readonly Figures[];
	/** At half the peak rate, open loop. */
	readonly calm: OrderFigures;
	readonly sent: number;
	/** How many orders the database has; no fewer than were acknowledged. */
	readonly kept: number;
	readonly way: TpcbWay;
}

const LEAST_OF_TPCB = 0.7;
const MOST_P95_MS = 100;
/** At half the peak rate. */
const MOST_P99_MS = 50;

/** The figures of `connections` from its rounds. */
export function figuresOf(connections: number, rounds: readonly Taken[]): Figures {
	const median = (pick: (taken: Taken) => number) => medianOf(rounds.map(pick));
	return {
		connections,
		orders_per_s: median((taken) => taken.orders.per_s),
		p50_ms: median((taken) => taken.orders.p50_ms),
		p95_ms: median((taken) => taken.orders.p95_ms),
		p99_ms: median((taken) => taken.orders.p99_ms),
		cpu_ms_per_order: median((taken) => taken.orders.cpu_ms_per_order),
		tpcb_per_s: median((taken) => taken.tpcb_per_s),
		empty_action_per_s: median((taken) => taken.empty.per_s),
		of_tpcb: median((taken) => taken.orders.per_s / taken.tpcb_per_s),
		of_empty_action: median((taken) => taken.orders.per_s / taken.empty.per_s),
		failed: rounds.reduce((sum, taken) => sum + taken.orders.failed + taken.empty.failed, 0),
	};
}

/** The report, and whether every mark is reached. */
export function reportOf(measured: Measured, machine: Machine): Report {
	const { peaks, calm, sent, kept } = measured;
	const marks = {
		"orders/s of TPC-B": peaks.every((figures) => figures.of_tpcb >= LEAST_OF_TPCB),
		"P95 at the peak": (peaks[0] as Figures).p95_ms < MOST_P95_MS,
		"P99 at half the peak": calm.p99_ms < MOST_P99_MS,
		"no failed request": calm.failed === 0 && peaks.every((figures) => figures.failed === 0),
		"every order is kept": kept >= sent,
	};
	const ok = Object.values(marks).every(Boolean);
	return { lines: linesOf(measured, marks, machine), json: { ok, marks, ...measured, machine }, ok };
}

function linesOf(measured: Measured, marks: Readonly<Record<string, boolean>>, machine: Machine): string[] {
	const table = new Table({
		head: [
			"connections",
			"orders/s",
			"P50",
			"P95",
			"P99",
			"CPU ms/order",
			`TPC-B (${measured.way})`,
			"of it",
			"empty action",
			"of it",
		],
		colAligns: Array.from({ length: 10 }, () => "right" as const),
		style: { head: [], border: [], compact: true },
	});
	const whole = (rate: number) => Math.round(rate).toLocaleString("en");
	const ms = (value: number) => `${value.toFixed(1)} ms`;
	for (const peak of measured.peaks) {
		table.push([
			peak.connections,
			whole(peak.orders_per_s),
			...[peak.p50_ms, peak.p95_ms, peak.p99_ms].map(ms),
			peak.cpu_ms_per_order.toFixed(2),
			`${whole(peak.tpcb_per_s)}/s`,
			peak.of_tpcb.toFixed(2),
			`${whole(peak.empty_action_per_s)}/s`,
			peak.of_empty_action.toFixed(2),
		]);
	}
	const { calm } = measured;
	const calmLine =
		`At ${whole(calm.offered_per_s ?? 0)} orders/s, open loop: ${whole(calm.per_s)} answered/s, ` +
		`P50 ${ms(calm.p50_ms)}, P95 ${ms(calm.p95_ms)}, P99 ${ms(calm.p99_ms)}`;
	const markLines = Object.entries(marks).map(([mark, reached]) => `  ${reached ? "✓" : "✗"} ${mark}`);
	return [table.toString(), calmLine, ...markLines, showMachine(machine)];
}
