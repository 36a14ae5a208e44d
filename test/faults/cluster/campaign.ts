import { setTimeout as delay } from "node:timers/promises";
import { outboxBacklog } from "../../../lib/event-bus/outbox.ts";
import { TELLERS } from "../../../lib/topology.ts";
import { until } from "../../support/until.ts";
import type { Offence } from "../product/check.ts";
import type { ClientLog, Trader } from "../product/client-log.ts";
import { conduct, type Findings, type Play } from "./conduct.ts";
import { type Fault, faultKind } from "./faults.ts";
import { lastFailure } from "./recovery.ts";
import type { Scene } from "./scene.ts";

interface CampaignOptions {
	readonly seed: number;
	readonly perSecond: number;
	/** Faults end after so long, however many are planned. */
	readonly minutes: number;
	/** Seconds from one fault to the next at least; 0 for as soon as nothing is left of the last. */
	readonly every: number;
	readonly plan: readonly Fault[];
	readonly traders: readonly Trader[];
	readonly scene: Scene;
}

/** A fault that has come and gone; times are by `performance.now()`. */
interface Struck extends Fault {
	readonly begunAt: number;
	readonly struckAt: number;
	readonly healedAt: number;
	/** From its end until no outbox held anything old. */
	readonly drainMs: number;
}

/** One of which it is known what became of every request. */
export interface Suffered extends Struck {
	/** When the next one began: what fails until then counts to this one. */
	readonly endedAt: number;
	/** From the fault or from its end, as its kind says: when the last request that failed was sent. */
	readonly recoveryMs: number;
}

/** What came of a campaign. */
export interface Outcome extends Omit<Findings, "offences"> {
	readonly suffered: readonly Suffered[];
	readonly offences: readonly (Offence | Late)[];
}

interface Late {
	readonly kind: "late";
	readonly what: string;
}

const DRAIN_LIMIT_MS = 30_000;
const DRAIN_PATIENCE_MS = 3 * DRAIN_LIMIT_MS;
/** What has been in an outbox for longer has not just been put there. */
const OLD_MS = 1_000;
const VERIFY_EVERY_FAULTS = 10;
const MS_PER_SECOND = 1_000;
const MS_PER_MINUTE = 60_000;

/** Lets traders trade while faults befall the cluster, one after the other. */
export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
	const { scene, plan, minutes, every } = options;
	const struck: Struck[] = [];
	const findings = await conduct(options, async (play) => {
		const stopAt = performance.now() + minutes * MS_PER_MINUTE;
		for (const fault of plan) {
			if (performance.now() > stopAt) break;
			if (struck.length > 0 && struck.length % VERIFY_EVERY_FAULTS === 0) await play.examine();
			const last = await suffer(scene, play, fault);
			struck.push(last);
			tell(struck.length, last);
			await delay(Math.max(0, last.begunAt + every * MS_PER_SECOND - performance.now()));
		}
	});
	const suffered = struck.map((fault, i) => measured(fault, struck[i + 1], findings.log));
	return { ...findings, suffered, offences: [...findings.offences, ...suffered.flatMap(lateness)] };
}

/** Strikes, heals, and waits until nothing is left of it. */
async function suffer(scene: Scene, play: Play, fault: Fault): Promise<Struck> {
	const begunAt = performance.now();
	const heal = await faultKind(fault.name).strike(scene, fault);
	const struckAt = performance.now();
	await delay(fault.forMs);
	await heal();
	const healedAt = performance.now();
	await play.allWell(healedAt).catch((cause) => {
		throw new Error(`it has not recovered from ${nameOf(fault)}`, { cause });
	});
	await until(() => isDrained(scene), DRAIN_PATIENCE_MS);
	return { ...fault, begunAt, struckAt, healedAt, drainMs: performance.now() - healedAt };
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

function measured(fault: Struck, next: Struck | undefined, log: ClientLog): Suffered {
	const endedAt = next?.begunAt ?? Number.POSITIVE_INFINITY;
	const from = faultKind(fault.name).limit.from === "fault" ? fault.struckAt : fault.healedAt;
	const last = lastFailure(log, from, endedAt);
	return { ...fault, endedAt, recoveryMs: last === null ? 0 : last - from };
}

function lateness(fault: Suffered): Late[] {
	const { limit } = faultKind(fault.name);
	const late = (what: string): Late => ({ kind: "late", what: `${nameOf(fault)}: ${what}` });
	return [
		...(fault.recoveryMs > limit.ms
			? [late(`requests failed until ${Math.round(fault.recoveryMs)} ms after the ${limit.from}, not ${limit.ms}`)]
			: []),
		...(fault.drainMs > DRAIN_LIMIT_MS ? [late(`outboxes were empty after ${Math.round(fault.drainMs)} ms`)] : []),
	];
}

function nameOf({ name, target, at }: Fault): string {
	return `${name} (${target}${at ? `, ${at.name}:${at.passing}` : ""})`;
}

/** Shows a fault; when all requests failed for the last time is only known in the end. */
function tell(number: number, fault: Struck): void {
	const lasted = `${((fault.healedAt - fault.struckAt) / MS_PER_SECOND).toFixed(1)} s`;
	const over = `all well ${(fault.drainMs / MS_PER_SECOND).toFixed(1)} s later`;
	process.stderr.write(`  ${String(number).padStart(4)}  ${nameOf(fault).padEnd(62)} ${lasted}, ${over}\n`);
}
