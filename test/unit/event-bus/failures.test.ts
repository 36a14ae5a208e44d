import { afterFailure, isTemporary, isTooEarly, tooEarly } from "../../../lib/event-bus/failures.ts";
import { refuse } from "../../../lib/refuse.ts";

const FIRST_RETRY_MS = 200;
const poison = new TypeError("cannot read this");
const early = tooEarly("its predecessor has not come");

test.each([
	["a first failure is tried again soon", poison, 0, 0, "retrying", 1, 200],
	["each further one later", poison, 1, 0, "retrying", 2, 800],
	["the fourth for the last time", poison, 3, 0, "retrying", 4, 12_800],
	["the fifth not at all", poison, 4, 0, "dead", 5, 0],
	["an early event is looked at again at once", early, 0, 0, "parked", 0, 50],
	["less often the longer it waits", early, 0, 8_000, "parked", 0, 2_000],
	["but every few seconds", early, 0, 59_999, "parked", 0, 5_000],
	["and no longer than a minute for nothing", early, 0, 60_000, "retrying", 1, 200],
	["after which it dies as others do", early, 4, 90_000, "dead", 5, 0],
] as const)("%s", (_rule, error, attempts, ageMs, state, tries, delayMs) => {
	expect(afterFailure(error, attempts, ageMs, FIRST_RETRY_MS)).toEqual({
		state,
		attempts: tries,
		lastError: `${error.name}: ${error.message}`,
		delayMs,
	});
});

test("what is thrown need not be an error", () => {
	expect(afterFailure("broken", 0, 0, FIRST_RETRY_MS)).toMatchObject({ state: "retrying", lastError: "broken" });
});

test("a database that cannot be reached is no fault of the event", () => {
	expect(isTemporary(refuse("SERVICE_UNAVAILABLE"))).toBe(true);
	expect(isTemporary(refuse("CAPACITY_EXCEEDED"))).toBe(true);
	expect([poison, early, refuse("NOT_FOUND"), null].some(isTemporary)).toBe(false);
	expect([early, poison, null].map(isTooEarly)).toEqual([true, false, false]);
});
