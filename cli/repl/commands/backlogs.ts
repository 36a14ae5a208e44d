import type { ServiceBroker } from "moleculer";
import type { InboxApi, OutboxApi } from "../../../contracts/event-bus.ts";
import { call, callInternal } from "../../../lib/service.ts";
import { CONSUMERS, TELLERS } from "../../../lib/topology.ts";
import type { ReplCommand } from "../command.ts";
import { printTable } from "../table.ts";

/** Short, so that one service that is away does not keep the others waiting. */
const TIMEOUT_MS = 2_000;

/** `outbox`: how far events lag behind what has happened, on both sides of the transport. */
export const outbox: ReplCommand = {
	name: "outbox",
	description: "Show what waits to be published, and what consumers have yet to handle",
	options: [],
	async run(broker) {
		const opts = { timeout: TIMEOUT_MS };
		const told = TELLERS.map(async (name) => {
			const backlog = await orAway(
				callInternal<OutboxApi, "backlog">(broker, `${name}.outbox`, "backlog", undefined, opts),
			);
			return backlog ? [name, backlog.unpublished, backlog.oldest_age_ms] : [name, "away", ""];
		});
		printTable(["teller", "unpublished", "oldest ms"], await Promise.all(told), {
			nothing: "",
			right: ["unpublished", "oldest ms"],
		});
		const taken = CONSUMERS.map(async (name) => {
			const backlog = await orAway(
				callInternal<InboxApi, "backlog">(broker, `${name}.inbox`, "backlog", undefined, opts),
			);
			if (!backlog) return [name, "away", "", "", "", ""];
			const { waiting, delay_ms, retrying, parked, dead } = backlog;
			return [name, waiting, delay_ms ?? "-", retrying, parked, dead];
		});
		const numbers = ["waiting", "delay ms", "retrying", "parked", "dead"];
		printTable(["consumer", ...numbers], await Promise.all(taken), { nothing: "", right: numbers });
	},
};

async function orAway<T>(answer: Promise<T>): Promise<T | null> {
	return answer.catch(() => null);
}

/** `leases`: who writes which market. */
export const leases: ReplCommand = {
	name: "leases",
	description: "Show which node owns which market, and for how long its lease still runs",
	options: [],
	async run(broker: ServiceBroker) {
		const rows = (await call(broker, "trading.leases")).map(({ symbol, owner, epoch, left_ms }) => [
			symbol,
			owner ?? "nobody",
			epoch,
			left_ms,
		]);
		printTable(["market", "owner", "epoch", "left ms"], rows, {
			nothing: "No market has been traded yet",
			right: ["epoch", "left ms"],
		});
	},
};
