import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../support/until.ts";
import type { Offence } from "./check.ts";
import type { Deployment } from "./deployment.ts";
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
	 * Kills and starts one process after the other, until orders are answered after the last. `onTurnOver` is awaited
	 * whenever all of them are to stay.
	 */
	run(onTurnOver: (kills: number) => Promise<void>): Promise<void>;
}

/** A place that orders pass is passed often enough by then on any machine. */
const DEATH_LIMIT_MS = 60_000;
const RECOVERY_LIMIT_MS = 60_000;

/** Kills processes of `deployment` as `plan` says; `onOffence` is told what does not go as it must. */
export function executioner(
	plan: readonly Kill[],
	deployment: Deployment,
	onOffence: (offence: Offence) => void,
): Executioner {
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

	async function carryOut(kill: Kill): Promise<void> {
		if (!kill.at) {
			await recovered();
			await delay(kill.afterMs);
			await deployment.kill(kill.target);
			return;
		}
		const reached = deployment.died(kill.target).then(() => true);
		if (await Promise.race([reached, delay(DEATH_LIMIT_MS, false, { ref: false })])) return;
		onOffence({ kind: "wrong", what: `${kill.target} never came to ${kill.at.name}:${kill.at.passing}` });
		await deployment.kill(kill.target);
	}

	return {
		killed,
		onPlaced,
		async run(onTurnOver) {
			for (const [i, kill] of plan.entries()) {
				await carryOut(kill);
				tell(killed);
				killed.push({ ...kill, recoveryMs: null });
				downSince = performance.now();
				const next = plan[i + 1];
				const arm = next?.target === kill.target ? next.at : null;
				deployment.start(kill.target, arm);
				if (!arm) await onTurnOver(killed.length);
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
