import { setTimeout as delay } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import type { Envelope } from "../../../contracts/events.ts";
import { call } from "../../../lib/service.ts";
import { countOf, type ReplCommand, textOf } from "../command.ts";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 500;
const POLL_MS = 500;
const MAX_FOLLOW_S = 3_600;
const MAX_DATA_LENGTH = 160;

/** `events tail`: the last events of the history and, for a while, those that are recorded then. */
export const eventsTail: ReplCommand = {
	name: "events tail",
	description: "Show the last events of the history",
	options: [
		{ option: "--limit <number>", description: `how many (${DEFAULT_LIMIT} unless told, at most ${MAX_LIMIT})` },
		{ option: "--type <type>", description: "of one type alone, such as orders.executed" },
		{ option: "--follow <seconds>", description: "go on with what is recorded for so long" },
	],
	async run(broker, given) {
		const named = textOf(given, "type");
		const type = named === undefined ? {} : { type: named };
		const limit = countOf(given, "limit", DEFAULT_LIMIT, MAX_LIMIT);
		const seconds = countOf(given, "follow", 0, MAX_FOLLOW_S);
		const { items, after } = await call(broker, "events.tail", { limit, ...type });
		for (const event of items) console.log(lineOf(event));
		if (seconds > 0) await follow(broker, type, after, performance.now() + seconds * 1_000);
	},
};

async function follow(
	broker: ServiceBroker,
	filter: { readonly type?: string },
	start: string,
	untilMs: number,
): Promise<void> {
	for (let after = start; performance.now() < untilMs; ) {
		const page = await call(broker, "events.query", { ...filter, after });
		for (const event of page.items) console.log(lineOf(event));
		({ after } = page);
		if (page.next_cursor === null) await delay(POLL_MS);
	}
}

function lineOf(event: Envelope): string {
	const data = JSON.stringify(event.data);
	const shown = data.length > MAX_DATA_LENGTH ? `${data.slice(0, MAX_DATA_LENGTH)}...` : data;
	const who = event.actor ? ` by ${event.actor.user_id}` : "";
	return `${event.timestamp} ${event.type} ${event.aggregate_id}#${event.aggregate_seq}${who} ${shown}`;
}
