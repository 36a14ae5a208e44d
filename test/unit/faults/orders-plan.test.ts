import { FAILPOINTS } from "../../../lib/failpoint.ts";
import { SERVICE_NAMES } from "../../../lib/topology.ts";
import { MODES, PARTS } from "../../faults/orders/layout.ts";
import { planKills } from "../../faults/orders/plan.ts";

test.each(MODES)("the processes of a %s run every service once, and orders pass every failpoint in them", (mode) => {
	const services = PARTS[mode].flatMap((part) => part.services);
	expect(services.toSorted()).toEqual(SERVICE_NAMES.toSorted());
	const failpoints = PARTS[mode].flatMap((part) => part.failpoints);
	expect(new Set(failpoints)).toEqual(new Set(FAILPOINTS));
});

test.each(MODES)("a hundred kills of a %s come to every failpoint, and to some at random", (mode) => {
	const plan = planKills(mode, 1, 100);
	expect(plan).toHaveLength(100);
	expect(new Set(plan.flatMap(({ at }) => at?.name ?? []))).toEqual(new Set(FAILPOINTS));
	expect(plan.filter(({ at }) => at === null).length).toBeGreaterThan(3);
	expect(new Set(plan.map(({ target }) => target))).toEqual(new Set(PARTS[mode].map(({ name }) => name)));
});

test("the same seed gives the same kills, another seed others", () => {
	expect(planKills("cluster", 7, 50)).toEqual(planKills("cluster", 7, 50));
	expect(planKills("cluster", 8, 50)).not.toEqual(planKills("cluster", 7, 50));
});

test("whoever dies at a failpoint was armed as it started: after a kill of the same process", () => {
	const plan = planKills("cluster", 3, 200);
	plan.forEach(({ target, at }, i) => at && expect(plan[i - 1]?.target).toBe(target));
});
