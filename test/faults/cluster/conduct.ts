import { progressOn } from "../../../cli/progress.ts";
import type { Invariant } from "../../../cli/verify/invariant.ts";
import { rebuildInvariant } from "../../../cli/verify/rebuild.ts";
import { verify } from "../../../cli/verify/run.ts";
import type { StatefulService } from "../../../lib/topology.ts";
import { until } from "../../support/until.ts";
import { balancer } from "../product/balancer.ts";
import { findOffences, type Offence } from "../product/check.ts";
import type { ClientLog, Trader } from "../product/client-log.ts";
import { MONEY } from "../product/stage.ts";
import { traffic } from "../product/traffic.ts";
import { readViews } from "../product/views.ts";
import { NODES } from "./layout.ts";
import { isQuiet } from "./recovery.ts";
import type { Scene } from "./scene.ts";

/** What happens while traders trade. */
export interface Play {
	readonly log: ClientLog;
	/**
	 * Resolves once every node is there, no request that failed waits to be sent again and, from `since` on, nothing has
	 * failed for a second.
	 */
	allWell(since: number): Promise<void>;
	/** Lets traffic end and checks all invariants; then it goes on. */
	examine(): Promise<void>;
}

interface Conducted {
	readonly scene: Scene;
	readonly traders: readonly Trader[];
	readonly seed: number;
	readonly perSecond: number;
}

/** What came of it. */
export interface Findings {
	readonly log: ClientLog;
	/** From the first request until the last was settled. */
	readonly tookMs: number;
	/** How often all invariants were checked. */
	readonly verifications: number;
	readonly offences: readonly Offence[];
}

const START_LIMIT_MS = 180_000;
/** What is not settled by then although all is well never will be. */
const SETTLE_LIMIT_MS = 60_000;
/** What fails for longer than this after a fault is over will for ever. */
const RECOVERY_LIMIT_MS = 90_000;
const QUIET_MS = 1_000;
const WELL_POLL_MS = 100;
/** Requests are begun at their rate whatever has become of those before. */
const MAX_UNDER_WAY = 10_000;

/** Starts the cluster, lets traders trade during `act`, and compares what they were told with what there is. */
export async function conduct(
	{ scene, traders, seed, perSecond }: Conducted,
	act: (play: Play) => Promise<void>,
): Promise<Findings> {
	const progress = progressOn(process.stderr);
	const gateways = balancer(scene.urls);
	const trade = traffic({ send: gateways.send, traders, perSecond, seed, maxUnderWay: MAX_UNDER_WAY });
	const { log } = trade;
	const offences: Offence[] = [];
	const wrong = (what: string) => void offences.push({ kind: "wrong", what });
	let verifications = 0;
	let tookMs = 0;

	const isWhole = () => scene.isWhole() && gateways.whole() === scene.urls.length;
	const allWell = (since: number) =>
		until(
			() => isWhole() && trade.failing() === 0 && isQuiet(log, since, QUIET_MS, performance.now()),
			RECOVERY_LIMIT_MS,
			WELL_POLL_MS,
		);

	async function verifyAll(more: readonly Invariant[]): Promise<void> {
		await trade.pause(SETTLE_LIMIT_MS);
		const urlOf = (service: StatefulService) => scene.databases.get(service)?.url ?? "";
		await progress("Invariants", () =>
			verify(urlOf, ({ id, offences: found }) => found.forEach((what) => wrong(`${id}: ${what}`)), undefined, more),
		);
		verifications += 1;
	}

	try {
		await progress("Processes", async () => {
			for (const node of NODES) scene.start(node);
			await until(isWhole, START_LIMIT_MS);
		});
		const startedAt = performance.now();
		trade.resume();
		await allWell(startedAt);
		await act({
			log,
			allWell,
			async examine() {
				await verifyAll([]);
				trade.resume();
			},
		});
		await verifyAll([rebuildInvariant(() => {})]);
		tookMs = performance.now() - startedAt;
		offences.push(...findOffences(log, await readViews(gateways.send, traders), MONEY));
	} catch (error) {
		wrong(`it was cut short: ${String(error)}`);
	} finally {
		trade.stop();
		await gateways.stop();
		await scene.stop();
	}
	for (const what of scene.accidents) wrong(what);
	return { log, tookMs, verifications, offences };
}
