import { SERVICE_NAMES } from "../../../lib/topology.ts";
import { FAULT_NAMES, faultKind } from "../../faults/cluster/faults.ts";
import { KINDS, kindOf, NODES } from "../../faults/cluster/layout.ts";
import { planFaults } from "../../faults/cluster/plan.ts";

const ROUND = FAULT_NAMES.reduce((sum, name) => sum + faultKind(name).perRound, 0);

test("every service runs on two nodes", () => {
	expect(KINDS.flatMap(({ services }) => services).toSorted()).toEqual(SERVICE_NAMES.toSorted());
	for (const { name } of KINDS) expect(NODES.filter((node) => kindOf(node).name === name)).toHaveLength(2);
});

test("the same seed gives the same faults, another seed others", () => {
	expect(planFaults(7, 40)).toEqual(planFaults(7, 40));
	expect(planFaults(8, 40)).not.toEqual(planFaults(7, 40));
});

test("each round has every kind of fault, as often as its kind says", () => {
	const plan = planFaults(1, 3 * ROUND);
	for (let start = 0; start < plan.length; start += ROUND) {
		const names = plan.slice(start, start + ROUND).map(({ name }) => name);
		for (const name of FAULT_NAMES)
			expect([name, names.filter((other) => other === name).length]).toEqual([name, faultKind(name).perRound]);
	}
});

test("targets take turns: every one is hit before one is hit again", () => {
	const killed = planFaults(2, 2 * ROUND).filter(({ name }) => name === "node killed");
	expect(killed.map(({ target }) => target).toSorted()).toEqual(NODES.toSorted());
});

test("a fault lasts as long as its kind may, and hits one of its targets", () => {
	for (const { name, target, forMs } of planFaults(3, 2 * ROUND)) {
		const { lastsMs, targets } = faultKind(name);
		expect(targets).toContain(target);
		expect(forMs).toBeGreaterThanOrEqual(lastsMs[0]);
		expect(forMs).toBeLessThanOrEqual(lastsMs[1]);
	}
});

test("a node kills itself at a place that it passes; nobody else does", () => {
	const plan = planFaults(4, 4 * ROUND);
	const armed = plan.filter(({ at }) => at !== null);
	expect(armed.length).toBe(plan.filter(({ name }) => name === "node killed at a failpoint").length);
	for (const { target, at } of armed) expect(kindOf(target).failpoints).toContain(at?.name);
});

test("faults that are impossible here can be left out", () => {
	const plan = planFaults(5, 10, ["NATS killed", "NATS stopped"]);
	expect(new Set(plan.map(({ name }) => name))).toEqual(new Set(["NATS killed", "NATS stopped"]));
	expect(plan).toHaveLength(10);
});
