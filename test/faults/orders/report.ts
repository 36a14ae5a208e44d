import type { Report } from "../../../cli/programs.ts";
import { settledBy } from "../product/client-log.ts";
import { listed } from "../report.ts";
import type { Outcome } from "./campaign.ts";
import type { Killed } from "./executioner.ts";
import type { Mode } from "./layout.ts";

/** What the command line asks for. */
export interface Options {
	readonly mode: Mode;
	readonly kills: number;
	readonly seed: number;
	/** How many requests are begun a second. */
	readonly perSecond: number;
	/** All invariants are checked after so many kills, again and again. */
	readonly verifyEvery: number;
}

/** The report of a campaign; `logs` is where those of its processes are kept. */
export function reportOf(options: Options, outcome: Outcome, logs: string | null): Report {
	const { mode, kills, seed, perSecond, verifyEvery } = options;
	const { killed, log, tookMs, verifications, offences } = outcome;
	const found = figuresOf(outcome);
	const { p50, p95, max } = found.recovery_ms;
	const rate = `--orders-per-second ${perSecond} --verify-every ${verifyEvery}`;
	const again = `--mode ${mode} --kills ${kills} --seed ${seed} ${rate}`;
	const line = (title: string, text: string | number) => `  ${title.padEnd(14)} ${text}`;
	return {
		lines: [
			`${killed.length} kills (${mode}) while traders trade for ${(tookMs / 1_000).toFixed(1)} s`,
			line("killed", listOf(found.targets)),
			line("at", listOf(found.places)),
			line("requests", `${log.length}: ${listOf(found.requests)}`),
			line("sent", `${found.sent} times; ${(found.availability * 100).toFixed(1)} % were settled by the first answer`),
			line("never settled", found.unsettled),
			line("lost", found.lost),
			line("doubled", found.doubled),
			line("recovery", `P50 ${p50} ms, P95 ${p95} ms, at most ${max} ms, after ${found.recoveries} kills`),
			line("invariants", `checked ${verifications} times`),
			line("again", `npm run faults -- orders ${again}`),
			...listed(
				offences.map(({ kind, what }) => `${kind}: ${what}`),
				"Every order that was acknowledged is there once, as it was acknowledged; every invariant holds.",
				logs,
			),
		],
		json: {
			...options,
			kills: killed.map((kill) => ({ target: kill.target, at: placeOf(kill), recovery_ms: kill.recoveryMs })),
			...found,
			took_s: tookMs / 1_000,
			verifications,
			offences,
		},
		ok: offences.length === 0,
	};
}

function figuresOf({ killed, log, offences }: Outcome) {
	const recoveries = killed.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
	const recovery = (part: number) => Math.round(quantile(recoveries, part));
	const atOnce = log.filter((entry) => entry.answers.length === 1 && settledBy(entry));
	const offencesOf = (kind: string) => offences.filter((offence) => offence.kind === kind).length;
	return {
		targets: countsOf(killed.map(({ target }) => target)),
		places: countsOf(killed.map(placeOf)),
		requests: countsOf(log.map(({ asked }) => asked.kind)),
		sent: log.reduce((sum, { answers }) => sum + answers.length, 0),
		availability: atOnce.length / Math.max(1, log.length),
		unsettled: offencesOf("unsettled"),
		lost: offencesOf("lost"),
		doubled: offencesOf("doubled"),
		recoveries: recoveries.length,
		recovery_ms: { p50: recovery(0.5), p95: recovery(0.95), max: recovery(1) },
	};
}

function placeOf({ at }: Killed): string {
	return at?.name ?? "random";
}

function countsOf(names: readonly string[]): Readonly<Record<string, number>> {
	const sorted = [...Map.groupBy(names, (name) => name)].sort(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(sorted.map(([name, same]) => [name, same.length]));
}

function listOf(numbers: Readonly<Record<string, number>>): string {
	return Object.entries(numbers)
		.map(([name, count]) => `${name} ${count}`)
		.join(", ");
}

function quantile(sorted: readonly number[], part: number): number {
	return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}
