import { type Answer, type ClientLog, settledBy, settles } from "../product/client-log.ts";

/** Requests that are settled by the first answer or by the one to the same request sent once more. */
const MAX_SENT = 2;

/**
 * When the last request that failed, of those sent from `from` on and answered before `to`, was sent; null when none
 * failed. One that was under way then may have met what came next.
 */
export function lastFailure(log: ClientLog, from: number, to: number): number | null {
	const failed = log.flatMap(({ answers }) => answers.filter((answer) => within(answer, from, to) && !settles(answer)));
	return failed.length > 0 ? Math.max(...failed.map(({ sentAt }) => sentAt)) : null;
}

/** Whether all that was sent for `quietMs`, not before `from`, has been settled at once; as it is `now`. */
export function isQuiet(log: ClientLog, from: number, quietMs: number, now: number): boolean {
	const unanswered = log.filter(({ answers }) => answers.length === 0).map(({ begunAt }) => begunAt);
	const known = Math.min(now, ...unanswered);
	return known - (lastFailure(log, from, Number.POSITIVE_INFINITY) ?? from) >= quietMs;
}

/** How many requests began from `from` until before `to`, and how many of them did not succeed with one retry. */
export function availabilityOf(log: ClientLog, from: number, to: number): { requests: number; failed: number } {
	const begun = log.filter(({ begunAt }) => begunAt >= from && begunAt < to);
	const succeeded = begun.filter((entry) => entry.answers.length <= MAX_SENT && settledBy(entry));
	return { requests: begun.length, failed: begun.length - succeeded.length };
}

function within({ sentAt, answeredAt }: Answer, from: number, to: number): boolean {
	return sentAt >= from && answeredAt < to;
}
