import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../support/until.ts";
import type { Deployment } from "../product/deployment.ts";
import type { Kill } from "./plan.ts";

/** A kill that was carried out. */
export interface Killed extends Kill {
	/** How long until a new order, sent after it, was answered with its execution; null when another kill came first. */
	recoveryMs: number | null;
}

/** Carries out a plan. */
export interface Executioner {
	readonly killed: readonly Killed[];
	/** Is told of each new order that was answered, and when its request was sent: by `performance.now()`. */
	onPlaced(sentAt: number): void;
	/**
	 * Kills and starts one process after the other, until orders are answered after the last. After `every` so many of
	 * them, once orders are answered again, `examine` is awaited while nobody dies.
	 */
	run(every: number, examine: () => Promise<void>): Promise<void>;
}

/** A process that has not come to its failpoint by then is killed from outside. */
const DEATH_LIMIT_MS = 30_000;
const RECOVERY_LIMIT_MS = 60_000;

/** Kills processes of `deployment` as `plan` says. */
export function executioner(plan: readonly Kill[], deployment: Deployment): Executioner {
	const killed: Killed[] = [];
	/** When the last kill was, until orders are answered again. */
	let downSince: number | null = null;

	function onPlaced(sentAt: number): void {
		const last = killed.at(-1);
		if (!last || downSince === null || sentAt < downSince) return;
		last.recoveryMs = performance.now() - downSince;
		downSince = null;
	}

	function recovered(): Promise<void> {
		return until(() => downSince === null, RECOVERY_LIMIT_MS);
	}

	/** Gives the kill as it came about. */
	async function carryOut(kill: Kill): Promise<Kill> {
		if (kill.at) {
			const reached = deployment.died(kill.target).then(() => true);
			if (await Promise.race([reached, delay(DEATH_LIMIT_MS, false, { ref: false })])) return kill;
		} else {
			await recovered();
			await delay(kill.afterMs);
		}
		await deployment.kill(kill.target);
		return { ...kill, at: null };
	}

	return {
		killed,
		onPlaced,
		async run(every, examine) {
			for (const [i, kill] of plan.entries()) {
				const done = await carryOut(kill);
				tell(killed);
				killed.push({ ...done, recoveryMs: null });
				downSince = performance.now();
				const next = plan[i + 1];
				const arm = next?.target === kill.target ? next.at : null;
				if (next && killed.length % every === 0) {
					deployment.start(kill.target);
					await recovered();
					await examine();
					if (!arm) continue;
					await deployment.kill(kill.target);
				}
				deployment.start(kill.target, { at: arm });
			}
			await recovered();
			tell(killed);
		},
	};
}

/** Shows the last kill: when the next one is due, it is known what has come of it. */
function tell(killed: readonly Killed[]): void {
	const last = killed.at(-1);
	if (!last) return;
	const { target, at, recoveryMs } = last;
	const number = String(killed.length).padStart(4);
	const place = (at ? `${at.name}:${at.passing}` : "at random").padEnd(30);
	const outcome = recoveryMs === null ? "killed again first" : `orders answered after ${Math.round(recoveryMs)} ms`;
	process.stderr.write(`  ${number}  ${target.padEnd(8)} ${place} ${outcome}\n`);
}
