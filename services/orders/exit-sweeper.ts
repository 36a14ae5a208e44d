import type { Context } from "moleculer";
import type { OrderRecord } from "./domain/order.ts";
import { readLegs, selectActivated } from "./legs.store.ts";
import { submitLegs } from "./orders.drive.ts";
import type { Orders } from "./orders.state.ts";
import { type Rounds, startRounds } from "./rounds.ts";

const ROUND_EVERY_MS = 1_000;
const MAX_BRACKETS = 100;

/**
 * Brings exits into their market that the end of their entry has activated. They are `pending` rows until it has told
 * of them, so this goes on after a crash, and however long the market is away: exits never time out.
 */
export function startExitSweeper(orders: Orders): Rounds {
	return startRounds({
		everyMs: ROUND_EVERY_MS,
		async round() {
			const parents = await selectActivated(orders.db, MAX_BRACKETS);
			const legs = await readLegs(orders.db, parents);
			const bracketOf = (parent: string) => legs.filter((leg) => leg.parent_id === parent);
			await Promise.all(parents.map((parent) => submitExits(orders, orders.broker, bracketOf(parent))));
		},
		onError: (error) => orders.logger.warn("activated exits could not be read", error),
	});
}

/** Brings the exits of one bracket into its market if they are on their way; what cannot be done now is done later. */
export async function submitExits(
	orders: Orders,
	caller: Pick<Context, "call">,
	exits: readonly OrderRecord[],
): Promise<void> {
	const [first] = exits;
	if (!first || !exits.some((exit) => exit.status === "pending")) return;
	const origin = { correlation_id: first.correlation_id, actor: null };
	try {
		await submitLegs(orders, caller, exits, { origin });
	} catch (error) {
		orders.logger.warn(`the exits of order ${first.parent_id} are not in their market yet`, error);
	}
}
