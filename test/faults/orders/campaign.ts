import { progressOn } from "../../../cli/progress.ts";
import { verify } from "../../../cli/verify/run.ts";
import type { StatefulService } from "../../../lib/topology.ts";
import type { Send } from "../../support/http-client.ts";
import { until } from "../../support/until.ts";
import { findOffences, type Offence } from "../product/check.ts";
import type { ClientLog, Trader } from "../product/client-log.ts";
import type { Deployment } from "../product/deployment.ts";
import { MONEY } from "../product/stage.ts";
import { traffic } from "../product/traffic.ts";
import { readViews } from "../product/views.ts";
import { executioner, type Killed } from "./executioner.ts";
import { PARTS } from "./layout.ts";
import { planKills } from "./plan.ts";
import type { Options } from "./report.ts";

interface CampaignOptions extends Options {
	readonly traders: readonly Trader[];
	readonly deployment: Deployment;
	readonly send: Send;
	urlOf(service: StatefulService): string;
}

/** What came of a campaign. */
export interface Outcome {
	readonly killed: readonly Killed[];
	readonly log: ClientLog;
	/** From the first request until the last was settled. */
	readonly tookMs: number;
	/** How often all invariants were checked. */
	readonly verifications: number;
	readonly offences: readonly Offence[];
}

const START_LIMIT_MS = 120_000;
/** What is not settled by then although all processes run never will be. */
const SETTLE_LIMIT_MS = 60_000;
/** One a second: after a kill events have 30 s to come. */
const LOOKS = 30;

/** Lets traders trade while processes are killed, and compares what they were told with what there is in the end. */
export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
	const { mode, kills, seed, deployment, send, traders, perSecond, verifyEvery } = options;
	const progress = progressOn(process.stderr);
	const offences: Offence[] = [];
	const killer = executioner(planKills(mode, seed, kills), deployment);
	const trade = traffic({ send, traders, perSecond, seed, onPlaced: killer.onPlaced });
	let verifications = 0;
	let tookMs = 0;

	/** Invariants can be told from what is under way only when traffic stops. */
	async function examine(): Promise<void> {
		await trade.pause(SETTLE_LIMIT_MS);
		await progress("Invariants", () =>
			verify(
				options.urlOf,
				({ id, offences: found }) => {
					for (const what of found) offences.push({ kind: "wrong", what: `${id}: ${what}` });
				},
				LOOKS,
			),
		);
		verifications += 1;
	}

	try {
		await progress("Processes", async () => {
			for (const { name } of PARTS[mode]) deployment.start(name);
			await until(() => isReady(send), START_LIMIT_MS);
		});
		const startedAt = performance.now();
		trade.resume();
		await killer.run(verifyEvery, async () => {
			await examine();
			trade.resume();
		});
		await examine();
		tookMs = performance.now() - startedAt;
		offences.push(...findOffences(trade.log, await readViews(send, traders), MONEY));
	} catch (error) {
		offences.push({ kind: "wrong", what: `the campaign was cut short: ${String(error)}` });
	} finally {
		trade.stop();
		await deployment.stop();
	}
	offences.push(...deployment.accidents.map((what) => ({ kind: "wrong", what }) as const));
	return { killed: killer.killed, log: trade.log, tookMs, verifications, offences };
}

function isReady(send: Send): Promise<boolean> {
	return send("GET /health/ready").then(
		({ status }) => status === 200,
		() => false,
	);
}
