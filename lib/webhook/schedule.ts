const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;

/** An endpoint that was restarted soon has its message, and one that is down for half a day has it still. */
const RETRIES_AFTER_MS = [5 * S, 30 * S, 2 * MIN, 10 * MIN, 30 * MIN, H, 2 * H, 4 * H] as const;

/** How long to wait after the `failures`-th failure (from 1) before the next try; null: give up. */
export function retryDelayMs(failures: number): number | null {
	return RETRIES_AFTER_MS[failures - 1] ?? null;
}
