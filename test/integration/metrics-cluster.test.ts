import { call } from "../../lib/service.ts";
import { SERVICE_NAMES } from "../../lib/topology.ts";
import { startServices, type TestNode } from "../support/services.ts";
import { until } from "../support/until.ts";

const AUDITOR = { user_id: "a", username: "auditor", roles: ["auditor"], session_id: "s" } as const;

let node: TestNode;
beforeAll(async () => {
	node = await startServices(["metrics", "risk"]);
});
afterAll(() => node.stop());

async function gauges(): Promise<ReadonlyMap<string, number>> {
	const text = await call(node.broker, "metrics.cluster", undefined, { meta: { user: AUDITOR } });
	const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
	return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

test("it tells of nodes, services, actions and events, and needs no port for that", async () => {
	await until(async () => (await gauges()).get('moleculer_service_endpoints_total{service="risk"}') === 1);
	const shown = await gauges();
	expect(shown.get("moleculer_nodes_total")).toBe(1);
	expect(shown.get("moleculer_services_total")).toBe(2);
	expect(shown.get('moleculer_action_endpoints_total{action="risk.check"}')).toBe(1);
	expect([...shown.keys()].some((key) => key.startsWith("moleculer_event_endpoints_total{"))).toBe(true);
});

test("a service that should be there and is not has no endpoint, also after it has left", async () => {
	const before = await gauges();
	for (const name of SERVICE_NAMES)
		expect(before.get(`moleculer_service_endpoints_total{service="${name}"}`)).toBe(
			["metrics", "risk"].includes(name) ? 1 : 0,
		);
	const risk = node.broker.getLocalService("risk");
	if (!risk) throw new Error("risk does not run");
	await node.broker.destroyService(risk);
	await until(async () => (await gauges()).get('moleculer_service_endpoints_total{service="risk"}') === 0);
	expect((await gauges()).get('moleculer_action_endpoints_total{action="risk.check"}')).toBe(0);
});

test("only who may look inside sees it", async () => {
	await expect(call(node.broker, "metrics.cluster")).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
});
