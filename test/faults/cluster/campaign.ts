import { setTimeout as delay } from "node:timers/promises";
import { progressOn } from "../../../cli/progress.ts";
import type { Invariant } from "../../../cli/verify/invariant.ts";
import { rebuildInvariant } from "../../../cli/verify/rebuild.ts";
import { verify } from "../../../cli/verify/run.ts";
import { outboxBacklog } from "../../../lib/event-bus/outbox.ts";
import { TELLERS } from "../../../lib/topology.ts";
import { until } from "../../support/until.ts";
import { balancer } from "../product/balancer.ts";
import { findOffences, type Offence } from "../product/check.ts";
import type { ClientLog, Trader } from "../product/client-log.ts";
import { MONEY } from "../product/stage.ts";
import { type Traffic, traffic } from "../product/traffic.ts";
import { readViews } from "../product/views.ts";
import { type Fault, faultKind } from "./faults.ts";
import { NODES } from "./layout.ts";
import { isQuiet, lastFailure } from "./recovery.ts";
import type { Scene } from "./scene.ts";

interface CampaignOptions {
	readonly seed: number;
	readonly perSecond: number;
	/** Faults end after so long, however many are planned. */
	readonly minutes: number;
	/** From one fault to the next at least; 0 for as soon as nothing is left of the last. */
	readonly everyMs: number;
	readonly plan: readonly Fault[];
	readonly traders: readonly Trader[];
	readonly scene: Scene;
}

/** A fault that has come and gone; times are by `performance.now()`. */
export interface Suffered extends Fault {
	readonly begunAt: number;
	readonly struckAt: number;
	readonly healedAt: number;
	/** When the next one began, or all ended: what fails until then counts to this one. */
	endedAt: number;
	/** From the fault or from its end, as its kind says: when the last request that failed was sent. */
	recoveryMs: number;
	/** From its end until no outbox held anything old. */
	readonly drainMs: number;
}

/** What came of a campaign. */
export interface Outcome {
	readonly suffered: readonly Suffered[];
	readonly log: ClientLog;
	readonly tookMs: number;
	readonly verifications: number;
	readonly offences: readonly (Offence | { readonly kind: "late"; readonly what: string })[];
}

const START_LIMIT_MS = 180_000;
const SETTLE_LIMIT_MS = 60_000;
/** What fails for longer than this after a fault is over will for ever. */
const RECOVERY_LIMIT_MS = 90_000;
const DRAIN_LIMIT_MS = 30_000;
/** A fault is over when nothing has failed for so long. */
const QUIET_MS = 1_000;
/** What has been in an outbox for longer has not just been put there. */
const OLD_MS = 1_000;
const VERIFY_EVERY_FAULTS = 10;
const MAX_UNDER_WAY = 10_000;
const MS_PER_MINUTE = 60_000;

/** Lets traders trade while faults befall the cluster, one after the other, and compares in the end. */
export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
	const { scene, seed, traders, perSecond, plan } = options;
	const progress = progressOn(process.stderr);
	const gateways = balancer(scene.urls);
	const { send } = gateways;
	const trade = traffic({ send, traders, perSecond, seed, maxUnderWay: MAX_UNDER_WAY });
	const suffered: Suffered[] = [];
	const offences: Outcome["offences"][number][] = [];
	let verifications = 0;
	let tookMs = 0;

	async function examine(more: readonly Invariant[] = []): Promise<void> {
		await trade.pause(SETTLE_LIMIT_MS);
		const urlOf = (service: (typeof TELLERS)[number]) => scene.databases.get(service)?.url ?? "";
		await progress("Invariants", () =>
			verify(
				urlOf,
				({ id, offences: found }) => {
					for (const what of found) offences.push({ kind: "wrong", what: `${id}: ${what}` });
				},
				undefined,
				more,
			),
		);
		verifications += 1;
	}

	try {
		await progress("Processes", async () => {
			for (const node of NODES) scene.start(node);
			await until(() => scene.isWhole() && gateways.ready() === scene.urls.length, START_LIMIT_MS);
		});
		const startedAt = performance.now();
		trade.resume();
		await until(() => isQuiet(trade.log, startedAt, QUIET_MS, performance.now()), RECOVERY_LIMIT_MS);
		for (const [i, fault] of plan.entries()) {
			if (performance.now() - startedAt > options.minutes * MS_PER_MINUTE) break;
			const last = await suffer(scene, trade, fault);
			suffered.push(last);
			tell(suffered.length, last);
			await delay(Math.max(0, last.begunAt + options.everyMs - performance.now()));
			if (suffered.length % VERIFY_EVERY_FAULTS === 0 && i < plan.length - 1) {
				await examine();
				trade.resume();
			}
		}
		await examine([rebuildInvariant(() => {})]);
		tookMs = performance.now() - startedAt;
		offences.push(...findOffences(trade.log, await readViews(send, traders), MONEY));
	} catch (error) {
		offences.push({ kind: "wrong", what: `the campaign was cut short: ${String(error)}` });
	} finally {
		trade.stop();
		await gateways.stop();
		await scene.stop();
	}
	measure(suffered, trade.log);
	offences.push(...suffered.flatMap(lateness));
	offences.push(...scene.accidents.map((what) => ({ kind: "wrong", what }) as const));
	return { suffered, log: trade.log, tookMs, verifications, offences };
}

/** Strikes, heals, and waits until nothing is left of it. */
async function suffer(scene: Scene, trade: Traffic, fault: Fault): Promise<Suffered> {
	const begunAt = performance.now();
	const heal = await faultKind(fault.name).strike(scene, fault);
	const struckAt = performance.now();
	await delay(fault.forMs);
	await heal();
	const healedAt = performance.now();
	const over = () => scene.isWhole() && isQuiet(trade.log, healedAt, QUIET_MS, performance.now());
	await until(over, RECOVERY_LIMIT_MS).catch((error) => {
		throw new Error(`${nameOf(fault)}: it has not recovered`, { cause: error });
	});
	await until(() => isDrained(scene), RECOVERY_LIMIT_MS);
	const endedAt = performance.now();
	return { ...fault, begunAt, struckAt, healedAt, endedAt, drainMs: endedAt - healedAt, recoveryMs: 0 };
}

async function isDrained({ databases }: Scene): Promise<boolean> {
	for (const service of TELLERS) {
		const db = databases.get(service)?.db;
		// The server may have just ended the connection that is in the pool.
		const backlog = db && (await outboxBacklog(db).catch(() => null));
		if (!backlog || backlog.oldest_age_ms > OLD_MS) return false;
	}
	return true;
}

/** Only in the end is it known what became of every request. */
function measure(suffered: readonly Suffered[], log: ClientLog): void {
	for (const [i, fault] of suffered.entries()) {
		fault.endedAt = suffered[i + 1]?.begunAt ?? Number.POSITIVE_INFINITY;
		const from = faultKind(fault.name).limit.from === "fault" ? fault.struckAt : fault.healedAt;
		const last = lastFailure(log, from, fault.endedAt);
		fault.recoveryMs = last === null ? 0 : last - from;
	}
}

function lateness(fault: Suffered): Outcome["offences"] {
	const { limit } = faultKind(fault.name);
	const late = (what: string) => ({ kind: "late", what: `${nameOf(fault)}: ${what}` }) as const;
	return [
		...(fault.recoveryMs > limit.ms
			? [late(`requests failed until ${Math.round(fault.recoveryMs)} ms after the ${limit.from}, not ${limit.ms}`)]
			: []),
		...(fault.drainMs > DRAIN_LIMIT_MS ? [late(`outboxes were empty after ${Math.round(fault.drainMs)} ms`)] : []),
	];
}

export function nameOf({ name, target, at }: Fault): string {
	return `${name} (${target}${at ? `, ${at.name}:${at.passing}` : ""})`;
}

function tell(number: number, fault: Suffered): void {
	const { healedAt, struckAt, endedAt } = fault;
	const lasted = `${((healedAt - struckAt) / 1_000).toFixed(1)} s`;
	const over = `over ${((endedAt - healedAt) / 1_000).toFixed(1)} s later`;
	process.stderr.write(`  ${String(number).padStart(4)}  ${nameOf(fault).padEnd(62)} ${lasted}, ${over}\n`);
}
