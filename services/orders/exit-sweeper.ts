import type { Context } from "moleculer";
import type { OrderRecord } from "./domain/order.ts";
import { startLanes } from "./lanes.ts";
import { readLegs, selectActivated, selectActivatedSymbols } from "./legs.store.ts";
import { submitLegs } from "./orders.drive.ts";
import type { Orders } from "./orders.state.ts";
import type { Rounds } from "./rounds.ts";

const SWEEP_EVERY_MS = 1_000;
/** All lanes together ask `trading` for no more pairs at a time than it takes in from a node. */
const BRACKETS_AT_ONCE = 20;
/** Exits protect somebody: more markets must stand than with other sweepers before another one waits for a lane. */
const MAX_LANES = 10;

/** The exits of one bracket. */
interface ActivatedExits {
	readonly parentId: string;
	readonly exits: readonly OrderRecord[];
}

/**
 * Brings exits into their market that the end of their entry has activated, market by market. They are `pending` rows
 * until it has told of them, so this goes on after a crash, and however long the market is away: exits never time out.
 */
export function startExitSweeper(orders: Orders): Rounds {
	return startLanes<ActivatedExits>({
		everyMs: SWEEP_EVERY_MS,
		atOnce: BRACKETS_AT_ONCE,
		maxLanes: MAX_LANES,
		symbols: () => selectActivatedSymbols(orders.db),
		async page(symbol, after, limit) {
			const parents = await selectActivated(orders.db, symbol, after?.parentId, limit);
			const legs = await readLegs(orders.db, parents);
			return parents.map((parentId) => ({ parentId, exits: legs.filter((leg) => leg.parent_id === parentId) }));
		},
		work: ({ exits }) => bringIn(orders, orders.broker, exits),
		onError: (error, what) => orders.logger.warn(`exits are not in their market yet: ${what}`, error),
	});
}

/** Brings the exits of one bracket into its market if they are on their way; what cannot be done now is done later. */
export async function submitExits(
	orders: Orders,
	caller: Pick<Context, "call">,
	exits: readonly OrderRecord[],
): Promise<void> {
	await bringIn(orders, caller, exits).catch((error) =>
		orders.logger.warn(`the exits of order ${exits[0]?.parent_id} are not in their market yet`, error),
	);
}

async function bringIn(orders: Orders, caller: Pick<Context, "call">, exits: readonly OrderRecord[]): Promise<void> {
	const [first] = exits;
	if (!first || !exits.some((exit) => exit.status === "pending")) return;
	await submitLegs(orders, caller, exits, { origin: { correlation_id: first.correlation_id, actor: null } });
}
