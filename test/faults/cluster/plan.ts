import { seeded, shuffled } from "../../support/random.ts";
import { FAULT_NAMES, type Fault, type FaultName, faultKind } from "./faults.ts";
import { kindOf } from "./layout.ts";

/** Few enough that a node soon comes to it, enough that it has done something by then. */
const MAX_PASSING = 15;

/** `count` faults, the same for the same seed: every kind of `names` in each round, its targets in turn. */
export function planFaults(seed: number, count: number, names: readonly FaultName[] = FAULT_NAMES): readonly Fault[] {
	const random = seeded(seed);
	const turns = new Map(names.map((name) => [name, inTurn(shuffled(faultKind(name).targets, random))]));

	function next(name: FaultName): Fault {
		const [min, max] = faultKind(name).lastsMs;
		const target = turns.get(name)?.() ?? "";
		const at = name === "node killed at a failpoint" ? anyFailpoint(target, random) : null;
		return { name, target, forMs: Math.round(min + random() * (max - min)), at };
	}

	const round = names.flatMap((name) => Array.from({ length: faultKind(name).perRound }, () => name));
	const plan: Fault[] = [];
	while (plan.length < count && round.length > 0) plan.push(...shuffled(round, random).map(next));
	return plan.slice(0, count);
}

function anyFailpoint(node: string, random: () => number): Fault["at"] {
	const [name] = shuffled(kindOf(node).failpoints, random);
	return name ? { name, passing: 1 + Math.floor(random() * MAX_PASSING) } : null;
}

function inTurn<T>(items: readonly T[]): () => T {
	let turn = 0;
	return () => items[turn++ % items.length] as T;
}
