import type { Logger } from "moleculer";
import { v7 as idAt } from "uuid";
import type { Database } from "../../mixins/database.mixin.ts";
import { removeOlder, trimInboxes } from "./inbox.store.ts";

const KEPT_MS = 90 * 24 * 3_600_000;
const SWEEP_EVERY_MS = 5_000;
/** Rows per statement: small enough to hold up nobody. */
const MAX_REMOVED = 1_000;
const MAX_USERS_AT_ONCE = 100;

/** Removes what is old, and what is more than a user keeps. */
export interface Sweeper {
	/** Tells that the users' inboxes have grown. */
	grown(userIds: readonly string[]): void;
	stop(): Promise<void>;
}

/** Sweeps every few seconds, in small steps: a user's surplus some time after it has come about. */
export function startSweeper({ db, logger }: Database & { readonly logger: Pick<Logger, "warn"> }): Sweeper {
	const grown = new Set<string>();
	let sweeping: Promise<void> = Promise.resolve();
	let idle = true;
	let stopped = false;
	const timer = setInterval(() => {
		if (!idle) return;
		idle = false;
		sweeping = sweep()
			.catch((error) => logger.warn("old notifications could not be removed", error))
			.finally(() => (idle = true));
	}, SWEEP_EVERY_MS);

	async function sweep(): Promise<void> {
		// Ids are ordered by time: the lowest one of that moment.
		const firstKept = idAt({ msecs: Date.now() - KEPT_MS, random: new Uint8Array(16) });
		while (!stopped && (await removeOlder(db, firstKept, MAX_REMOVED)) === MAX_REMOVED);
		while (!stopped && grown.size > 0) {
			const users = [...grown].slice(0, MAX_USERS_AT_ONCE);
			for (const user of users) grown.delete(user);
			for (const user of await trimInboxes(db, users, MAX_REMOVED)) grown.add(user);
		}
	}

	return {
		grown(userIds) {
			for (const userId of userIds) grown.add(userId);
		},
		async stop() {
			stopped = true;
			clearInterval(timer);
			await sweeping;
		},
	};
}
