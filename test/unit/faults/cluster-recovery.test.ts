import { availabilityOf, isQuiet, lastFailure } from "../../faults/cluster/recovery.ts";
import type { Entry } from "../../faults/product/client-log.ts";

const ALWAYS = Number.POSITIVE_INFINITY;

/** A request that was sent at each of these times, and answered at once with the status. */
function sent(...times: readonly (readonly [at: number, status: number])[]): Entry {
	return {
		user_id: "ann",
		asked: { kind: "cancel", order_id: "1" },
		begunAt: times[0]?.[0] ?? 0,
		answers: times.map(([at, status]) => ({ status, body: {}, sentAt: at, answeredAt: at })),
	};
}

const waitingSince = (at: number): Entry => ({ ...sent(), begunAt: at });

test("a request fails when nothing comes back, or what tells to try again; not when it is refused", () => {
	for (const status of [0, 408, 429, 500, 503, 504]) expect(lastFailure([sent([5, status])], 0, ALWAYS)).toBe(5);
	for (const status of [200, 201, 202, 403, 409, 422]) expect(lastFailure([sent([5, status])], 0, ALWAYS)).toBeNull();
});

test("the last failure is the one that was sent last, retries too, within the time asked for", () => {
	const log = [sent([10, 503], [30, 503], [50, 201]), sent([20, 504], [40, 201])];
	expect(lastFailure(log, 0, ALWAYS)).toBe(30);
	expect(lastFailure(log, 0, 30)).toBe(20);
	expect(lastFailure(log, 31, ALWAYS)).toBeNull();
});

test("it is quiet once nothing has failed for long enough, and nothing older waits for its answer", () => {
	const log = [sent([100, 503], [200, 503], [300, 201]), sent([400, 201])];
	expect(isQuiet(log, 0, 1_000, 1_199)).toBe(false);
	expect(isQuiet(log, 0, 1_000, 1_200)).toBe(true);
	expect(isQuiet(log, 500, 1_000, 1_200)).toBe(false);
	expect(isQuiet([...log, waitingSince(900)], 0, 1_000, 2_000)).toBe(false);
	expect(isQuiet([...log, waitingSince(1_300)], 0, 1_000, 2_000)).toBe(true);
});

test("a request succeeds when it is settled by the first answer or the second, and counts when it began", () => {
	const log = [
		sent([10, 201]),
		sent([20, 503], [21, 201]),
		sent([30, 503], [31, 503], [32, 201]),
		sent([40, 503]),
		sent([50, 201]),
	];
	expect(availabilityOf(log, 0, 50)).toEqual({ requests: 4, failed: 2 });
	expect(availabilityOf(log, 50, ALWAYS)).toEqual({ requests: 1, failed: 0 });
});
