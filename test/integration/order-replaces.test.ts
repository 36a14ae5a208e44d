import { STATEFUL_SERVICES } from "../../lib/topology.ts";
import { deskOf, type Person } from "../support/desk.ts";
import { verifiedInvariants } from "../support/invariants.ts";
import { startServices, type TestNode } from "../support/services.ts";

let node: TestNode;
let ann: Person;
let bob: Person;
beforeAll(async () => {
	node = await startServices(STATEFUL_SERVICES);
	[ann, bob] = await Promise.all([rich("ann"), rich("bob")]);
});
afterAll(() => node.stop());
/** Each test begins with an empty book. */
afterEach(() => clear(ann, bob));

const { rich, place, get, replace, clear, becomes, heldBy } = deskOf(() => node.broker);

test("less of an order keeps its place; another price does not; each way the old order names the new one", async () => {
	const first = await place(ann, { quantity: "2", price: "100" });
	const second = await place(bob, { quantity: "1", price: "100" });
	const less = await replace(ann, first, { quantity: "1" });
	expect(less).toMatchObject({ status: "open", quantity: "1", price: "100", replaces: first.order_id });
	expect(await get(ann, first)).toMatchObject({
		status: "replaced",
		replaced_by: less.order_id,
		closed_at: expect.any(String),
	});
	expect(await heldBy(ann, "USD")).toBe("100.2");
	await place(await rich("cyd"), { side: "sell", quantity: "1", price: "100" });
	await becomes(ann, less, "filled");
	expect((await get(bob, second)).status).toBe("open");
	const moved = await replace(bob, second, { price: "101", quantity: "3" });
	expect(moved).toMatchObject({ status: "open", quantity: "3", price: "101" });
	await expect(replace(bob, second, { price: "102" })).rejects.toMatchObject({ code: 409, type: "ILLEGAL_TRANSITION" });
});

test("a replace counts what was filled on the way, and one that is rejected leaves the order as it was", async () => {
	const resting = await place(ann, { quantity: "3", price: "100" });
	await place(bob, { side: "sell", quantity: "1", price: "100" });
	await becomes(ann, resting, "partially_filled");
	const poor = await replace(ann, resting, { quantity: "20000000" }).catch((error: unknown) => error);
	expect(poor).toMatchObject({ code: 422, type: "VALIDATION_FAILED" });
	expect(await replace(ann, resting, { quantity: "900", price: "9000" })).toMatchObject({
		status: "rejected",
		reject_code: "INSUFFICIENT_FUNDS",
	});
	expect((await get(ann, resting)).status).toBe("partially_filled");
	await expect(replace(ann, resting, { quantity: "1" })).rejects.toMatchObject({ type: "TOO_LATE_TO_REPLACE" });
	expect(await replace(ann, resting, { quantity: "2.5" })).toMatchObject({ status: "open", quantity: "1.5" });
});

test("a replace that has been done is answered so, also while nobody can tell of the old order", async () => {
	const resting = await place(ann, { quantity: "1", price: "90" });
	const endpoint = node.broker.registry.getActionEndpoints("trading.report")?.next(null as never);
	const action = endpoint?.action as { handler: unknown };
	const { handler } = action;
	action.handler = () => Promise.reject(new Error("unreachable"));
	try {
		expect(await replace(ann, resting, { price: "91" })).toMatchObject({ status: "open", price: "91" });
	} finally {
		action.handler = handler;
	}
	await becomes(ann, resting, "replaced");
});

test("of fifty replaces of one order at once, one takes its place", async () => {
	const resting = await place(ann, { quantity: "1", price: "90" });
	const outcomes = await Promise.allSettled(
		Array.from({ length: 50 }, (_, i) => replace(ann, resting, { price: `${50 + i / 100}` })),
	);
	const orders = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
	expect(orders.filter(({ status }) => status === "open")).toHaveLength(1);
	expect(orders.filter(({ reject_code }) => reject_code === "TOO_LATE_TO_REPLACE")).toHaveLength(orders.length - 1);
	expect(await heldBy(ann, "USD")).toMatch(/^5\d\.\d+$/);
});

test("after all of it every invariant holds", async () => {
	expect((await verifiedInvariants()).length).toBeGreaterThanOrEqual(11);
});
