import type { ArmedFailpoint } from "../../../lib/failpoint.ts";
import { seeded, shuffled } from "../../support/random.ts";
import { type Mode, PARTS, type Part } from "./layout.ts";

/** The end of one life of a process. */
export interface Kill {
	/** The process. */
	readonly target: string;
	/** Where it kills itself; null where it is killed from outside. */
	readonly at: ArmedFailpoint | null;
	/** How long a process that is killed from outside serves first, once orders are answered. */
	readonly afterMs: number;
}

/** Enough that orders are answered in most lives, few enough that a life is short. */
const MIN_PASSING = 5;
const MAX_PASSING = 40;
const MAX_SERVING_MS = 800;

/**
 * `kills` kills, the same for the same seed. Processes take turns. A turn begins with a kill from outside, since what
 * runs cannot be armed any more; each life that follows ends at another of the process's failpoints.
 */
export function planKills(mode: Mode, seed: number, kills: number): readonly Kill[] {
	const random = seeded(seed);
	const upTo = (max: number) => Math.floor(random() * (max + 1));
	const turnOf = ({ name, failpoints }: Part): Kill[] => [
		{ target: name, at: null, afterMs: upTo(MAX_SERVING_MS) },
		...shuffled(failpoints, random).map((point) => ({
			target: name,
			at: { name: point, passing: MIN_PASSING + upTo(MAX_PASSING - MIN_PASSING) },
			afterMs: 0,
		})),
	];
	const plan: Kill[] = [];
	while (plan.length < kills) {
		const parts = shuffled(PARTS[mode], random).sort((a, b) => Number(b.onPath) - Number(a.onPath));
		plan.push(...parts.flatMap(turnOf));
	}
	return plan.slice(0, kills);
}
