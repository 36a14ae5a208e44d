import { planFaults } from "../../faults/event-bus/plan.ts";

const kindsOf = (seed: number, kills: number) => planFaults(seed, kills).map(({ kind }) => kind);

test("the same seed gives the same faults, another seed others", () => {
	expect(planFaults(7, 20)).toEqual(planFaults(7, 20));
	expect(planFaults(8, 20)).not.toEqual(planFaults(7, 20));
});

test("every target is killed, some are stopped, and the store is deleted once while there is most to lose", () => {
	const faults = planFaults(1, 20);
	const killed = faults.filter(({ kind }) => kind === "kill").map(({ target }) => target);
	expect(killed).toHaveLength(20);
	expect(new Set(killed)).toEqual(new Set(["users", "trading", "events", "risk", "data", "nats-server"]));
	expect(faults.filter(({ kind }) => kind === "pause")).toHaveLength(4);
	const wipes = faults.filter(({ kind }) => kind === "wipe");
	expect(wipes).toHaveLength(1);
	expect(wipes[0]?.at).toBeGreaterThan(0.4);
	expect(wipes[0]?.at).toBeLessThan(0.7);
	expect(wipes[0]).toMatchObject({ behind: expect.stringMatching(/^(?:events|risk|data)$/) });
});

test("faults come in order, none before the first event or after the last", () => {
	const times = planFaults(3, 50).map(({ at }) => at);
	expect(times).toEqual(times.toSorted((a, b) => a - b));
	expect(times[0]).toBeGreaterThan(0);
	expect(times.at(-1)).toBeLessThan(1);
});

test("who stops stays stopped for longer than a leader may be silent", () => {
	const pauses = planFaults(5, 50).filter(({ kind }) => kind === "pause");
	expect(pauses.length).toBe(10);
	for (const { forMs } of pauses) expect(forMs).toBeGreaterThan(5_000);
});

test("without kills only the store is deleted", () => {
	expect(kindsOf(1, 0)).toEqual(["wipe"]);
});
