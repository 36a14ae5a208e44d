import type { Offence } from "../product/check.ts";
import { type Entry, settledBy, type Trader } from "../product/client-log.ts";
import { conduct, type Findings } from "./conduct.ts";
import { NODES } from "./layout.ts";
import type { Scene } from "./scene.ts";

interface RollingOptions {
	readonly scene: Scene;
	readonly traders: readonly Trader[];
	readonly seed: number;
	readonly perSecond: number;
}

/** What came of it. */
export interface Rolled extends Findings {
	readonly restarted: readonly string[];
}

/** Has every process end by SIGTERM and starts it again, one after the other; no request may fail meanwhile. */
export async function runRolling(options: RollingOptions): Promise<Rolled> {
	const { scene } = options;
	const restarted: { readonly node: string; readonly at: number }[] = [];
	const badExits: string[] = [];
	const findings = await conduct(options, async ({ allWell }) => {
		for (const node of NODES) {
			restarted.push({ node, at: performance.now() });
			const how = await scene.end(node);
			if (how !== 0) badExits.push(`${node} ended with ${how}`);
			scene.start(node);
			await allWell(performance.now());
		}
	});
	const offences: readonly Offence[] = [
		...findings.offences,
		...badExits.map((what) => ({ kind: "wrong", what }) as const),
		...findings.log.flatMap((entry) => failure(entry, restarted.findLast(({ at }) => at <= entry.begunAt)?.node)),
	];
	return { ...findings, restarted: restarted.map(({ node }) => node), offences };
}

/** A request is to be settled by the first answer: one that has to be sent again has failed. */
function failure(entry: Entry, during = "nothing"): Offence[] {
	const [first] = entry.answers;
	if (!first || (entry.answers.length === 1 && settledBy(entry))) return [];
	const answer = first.status === 0 ? "not answered" : `answered with ${first.status} ${String(first.body["code"])}`;
	return [{ kind: "wrong", what: `a ${entry.asked.kind} was ${answer}, in the restart of ${during}` }];
}
