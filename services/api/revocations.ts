import type { RevokedSessions } from "../../contracts/auth.ts";

/** The sessions that ended while access tokens of theirs may still be alive. */
export interface Revocations {
	/** Whether the session ended. The first answer waits until that is known. */
	has(sessionId: string): boolean | Promise<boolean>;
	/** Asks for those that ended since the last time. */
	update(): Promise<void>;
}

type Fetch = (since: string | null) => Promise<RevokedSessions>;

/** Keeps up with what `fetch` tells of ended sessions. Each is remembered for `rememberMs`, an access token's life. */
export function revocations(fetch: Fetch, rememberMs: number): Revocations {
	const ended = new Map<string, number>();
	let since: string | null = null;
	let updating: Promise<void> | null = null;

	async function learn(): Promise<void> {
		const { session_ids, as_of } = await fetch(since);
		const now = performance.now();
		for (const id of session_ids) {
			if (!ended.has(id)) ended.set(id, now + rememberMs);
		}
		// The oldest come first.
		for (const [id, forgetAtMs] of ended) {
			if (forgetAtMs > now) break;
			ended.delete(id);
		}
		since = as_of;
	}

	function update(): Promise<void> {
		updating ??= learn().finally(() => {
			updating = null;
		});
		return updating;
	}

	return {
		update,
		has(sessionId) {
			if (since !== null) return ended.has(sessionId);
			return update().then(() => ended.has(sessionId));
		},
	};
}
