import { askInbox } from "./consumers.ts";
import { inRuns } from "./domain/subscription.ts";
import type { EventBus } from "./events.commands.ts";
import { readPage } from "./events.store.ts";
import { noteProgress, noteTrouble, runningReplays, type StoredReplay } from "./replay.store.ts";

const PAGE = 200;
/** What fits into a NATS message of 1 MiB with room to spare; a single event may be 768 KB. */
const MAX_BYTES_PER_CALL = 512 * 1_024;
/** A consumer may have to find a poison event among them. */
const CALL_TIMEOUT_MS = 30_000;

/** Takes every running replay to its end, or as far as its consumer lets it. */
export async function runReplays(bus: EventBus, signal: AbortSignal): Promise<void> {
	for (const replay of await runningReplays(bus.db)) {
		try {
			await runReplay(bus, replay, signal);
		} catch (error) {
			await noteTrouble(bus.db, replay.replay_id, error instanceof Error ? error.message : String(error));
		}
	}
}

async function runReplay(bus: EventBus, replay: StoredReplay, signal: AbortSignal): Promise<void> {
	const { replay_id, consumer, again, end_position: end } = replay;
	for (let { position } = replay; BigInt(position) < BigInt(end) && !signal.aborted; ) {
		const page = (await readPage(bus.db, position, PAGE)).filter((entry) => BigInt(entry.position) <= BigInt(end));
		let handedOver = 0;
		for (const { events } of inRuns(page, ({ event }) => JSON.stringify(event), PAGE, MAX_BYTES_PER_CALL)) {
			const params = { events: events.map((entry) => entry.event), again };
			handedOver += await askInbox(bus.broker, consumer, "take", params, { timeout: CALL_TIMEOUT_MS });
		}
		position = page.at(-1)?.position ?? end;
		await noteProgress(bus.db, replay_id, position, handedOver);
	}
}
