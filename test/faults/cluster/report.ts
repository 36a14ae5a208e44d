import type { Report } from "../../../cli/programs.ts";
import { listed } from "../report.ts";
import type { Outcome, Suffered } from "./campaign.ts";
import { FAULT_NAMES, type FaultName, faultKind } from "./faults.ts";
import { availabilityOf } from "./recovery.ts";

/** What the command line asks for. */
export interface Options {
	readonly faults: number;
	readonly seed: number;
	readonly minutes: number;
	/** How many requests are begun a second. */
	readonly perSecond: number;
	/** Seconds from one fault to the next at least. */
	readonly every: number;
}

const NAME_WIDTH = 28;
const COLUMN = 10;

/** The report of a campaign; `logs` is where those of its processes are kept. */
export function reportOf(
	options: Options,
	outcome: Outcome,
	skipped: readonly FaultName[],
	logs: string | null,
): Report {
	const { suffered, log, tookMs, verifications, offences } = outcome;
	const { faults, seed, minutes, perSecond, every } = options;
	const rows = FAULT_NAMES.map((name) => rowOf(name, outcome)).filter(({ times }) => times > 0);
	const whole = availabilityOf(log, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
	const sent = log.reduce((sum, { answers }) => sum + answers.length, 0);
	const count = (kind: string) => offences.filter((offence) => offence.kind === kind).length;
	const seconds = (tookMs / 1_000).toFixed(1);
	const line = (title: string, text: string | number) => `  ${title.padEnd(14)} ${text}`;
	const rate = `--orders-per-second ${perSecond} --every ${every}`;
	const again = `--faults ${faults} --seed ${seed} --minutes ${minutes} ${rate}`;
	return {
		lines: [
			`${suffered.length} faults while traders trade in a cluster of two nodes each for ${seconds} s`,
			"",
			rowText("fault", ["times", "P50", "max", "limit", "from", "drained", "failed", "of"]),
			...rows.map((row) =>
				rowText(row.name, [
					row.times,
					row.p50_ms,
					row.max_ms,
					row.limit_ms,
					row.from,
					row.drain_max_ms,
					row.failed,
					row.requests,
				]),
			),
			"",
			...skipped.map((name) => line("left out", `${name}: ${faultKind(name).impossible}`)),
			line("requests", `${log.length}, sent ${sent} times`),
			line("availability", `${percent(whole)} % succeed, sent again once at most`),
			line("lost", count("lost")),
			line("doubled", count("doubled")),
			line("never settled", count("unsettled")),
			line("invariants", `checked ${verifications} times, in the end with --rebuild`),
			line("again", `npm run faults -- cluster ${again}`),
			...listed(
				offences.map(({ kind, what }) => `${kind}: ${what}`),
				"Every order that was acknowledged is there once, as it was; every invariant and every limit holds.",
				logs,
			),
		],
		json: {
			...options,
			faults: rows,
			suffered: suffered.map(figuresOf),
			left_out: skipped,
			requests: log.length,
			sent,
			availability: percent(whole) / 100,
			lost: count("lost"),
			doubled: count("doubled"),
			unsettled: count("unsettled"),
			took_s: tookMs / 1_000,
			verifications,
			offences,
		},
		ok: offences.length === 0,
	};
}

function rowOf(name: FaultName, { suffered, log }: Outcome) {
	const own = suffered.filter((fault) => fault.name === name);
	const recoveries = own.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
	const windows = own.map(({ begunAt, endedAt }) => availabilityOf(log, begunAt, endedAt));
	const sum = (field: "requests" | "failed") => windows.reduce((total, window) => total + window[field], 0);
	const { limit } = faultKind(name);
	return {
		name,
		times: own.length,
		p50_ms: Math.round(recoveries[Math.ceil(recoveries.length / 2) - 1] ?? 0),
		max_ms: Math.round(recoveries.at(-1) ?? 0),
		limit_ms: limit.ms,
		from: limit.from,
		drain_max_ms: Math.round(Math.max(0, ...own.map(({ drainMs }) => drainMs))),
		requests: sum("requests"),
		failed: sum("failed"),
	};
}

function figuresOf({ name, target, at, forMs, recoveryMs, drainMs }: Suffered) {
	const place = at && `${at.name}:${at.passing}`;
	return { name, target, at: place, for_ms: forMs, recovery_ms: Math.round(recoveryMs), drain_ms: Math.round(drainMs) };
}

function percent({ requests, failed }: { readonly requests: number; readonly failed: number }): number {
	return Math.floor((1 - failed / Math.max(1, requests)) * 100_000) / 1_000;
}

function rowText(name: string, cells: readonly (string | number)[]): string {
	return `  ${name.padEnd(NAME_WIDTH)}${cells.map((value) => String(value).padStart(COLUMN)).join("")}`;
}
