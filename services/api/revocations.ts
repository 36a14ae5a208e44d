import type { Revocations } from "../../contracts/auth.ts";

/** The sessions and API keys that ended while they may still be taken for good. */
export interface Ended {
	/** Whether the session or key of that id ended. The first answer waits until that is known. */
	has(id: string): boolean | Promise<boolean>;
	/** Asks for those that ended since the last time. */
	update(): Promise<void>;
}

type Fetch = (asked: { readonly since: string | null; readonly cursor?: string }) => Promise<Revocations>;

/**
 * Keeps up with what `fetch` tells. Each end is remembered for `rememberMs` after it was last told: as long as what was
 * known before it may be taken for good.
 */
export function revocations(fetch: Fetch, rememberMs: number): Ended {
	const ended = new Map<string, number>();
	let since: string | null = null;
	let updating: Promise<void> | null = null;

	async function learn(): Promise<void> {
		let page = await fetch({ since });
		note(page);
		// An `auth` of the version before gives none.
		while (page.next_cursor) {
			page = await fetch({ since, cursor: page.next_cursor });
			note(page);
		}
		// Only now, so that whoever asks waits for all pages, and one that is missed is asked for again.
		since = page.as_of;
	}

	function note({ session_ids, key_ids }: Revocations): void {
		const now = performance.now();
		for (const id of [...session_ids, ...key_ids]) {
			// A key may end more than once. At the end of the map, so that the order is that of forgetting.
			ended.delete(id);
			ended.set(id, now + rememberMs);
		}
		// The oldest come first.
		for (const [id, forgetAtMs] of ended) {
			if (forgetAtMs > now) break;
			ended.delete(id);
		}
	}

	function update(): Promise<void> {
		updating ??= learn().finally(() => {
			updating = null;
		});
		return updating;
	}

	return {
		update,
		has(id) {
			if (since !== null) return ended.has(id);
			return update().then(() => ended.has(id));
		},
	};
}
