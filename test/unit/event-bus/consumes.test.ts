import type { Consumes } from "../../../lib/service.ts";

test("what a service consumes is checked against the contracts: a wrong type or payload does not compile", () => {
	const good: Consumes<object> = {
		"users.created": async (_tx, events) => events.forEach((event) => event.data.username.length),
		"*": async (_tx, events) => events.forEach((event) => event.type === "orders.created" && event.data.order_id),
	};
	const bad: Consumes<object> = {
		// @ts-expect-error no service tells such an event
		"users.deleted": async () => {},
		// @ts-expect-error a user has no price
		"users.updated": async (_tx, events) => events.forEach((event) => event.data.price),
	};
	expect(Object.keys({ ...good, ...bad })).toHaveLength(4);
});
