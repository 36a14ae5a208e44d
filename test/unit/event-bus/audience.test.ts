import { audienceOf, EVERY_SOURCE, sourceOf } from "../../../lib/event-bus/sources.ts";
import { CONSUMED, CONSUMERS } from "../../../lib/topology.ts";

test("events are for everybody who takes in their source, also those that are told for others", () => {
	expect(audienceOf("users")).toEqual(["audit-all", "auth-users", "events-all", "notifications-users"]);
	expect(audienceOf("trading")).toEqual(["audit-all", "data-trading", "events-all", "orders-trading", "risk-trading"]);
	expect(audienceOf("config")).toEqual(["audit-all", "events-all"]);
});

test.each(CONSUMERS)("'%s' takes in the sources that the topology says", async (name) => {
	const { default: schema } = await import(`../../../services/${name}/${name}.service.ts`);
	const types = Object.keys((schema as { readonly consumes: object }).consumes);
	// Who takes everything has one place for it.
	const sources = types.includes("*") ? [EVERY_SOURCE] : [...new Set(types.map(sourceOf))].sort();
	expect(sources).toEqual(CONSUMED[name]);
});
