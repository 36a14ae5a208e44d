import { nodeSettings, planNodes, readScale } from "../../../cli/cluster/plan.ts";
import { findProgram } from "../../../cli/cluster/servers.ts";
import { SERVICE_NAMES } from "../../../lib/topology.ts";

test("what is not scaled has one process", () => {
	expect(readScale("")).toEqual(Object.fromEntries(SERVICE_NAMES.map((service) => [service, 1])));
	expect(readScale("orders=2, api=3")).toMatchObject({ orders: 2, api: 3, trading: 1 });
});

test.each(["ordrs=2", "orders=0", "orders=17", "orders", "orders=two"])(
	"--scale %s is refused with what is right",
	(text) => {
		expect(() => readScale(text)).toThrow(/SERVICE=N with N from 1 to 16 and a service of api, /);
	},
);

test("gateways take the ports in turn, and each node has a metrics port and knows its own database alone", () => {
	const plans = planNodes(readScale("api=2,orders=2"), [8000, 8001], 9400);
	expect(plans.filter(({ port }) => port !== null).map(({ name, port }) => [name, port])).toEqual([
		["api-1", 8000],
		["api-2", 8001],
	]);
	expect(plans.map(({ metricsPort }) => metricsPort)).toEqual(plans.map((_, i) => 9400 + i));
	const orders = plans.find(({ name }) => name === "orders-2");
	const settings = nodeSettings(orders as (typeof plans)[number], {
		transporter: "nats://127.0.0.1:4222",
		redisUrl: null,
		dataDir: "/data",
		databaseUrl: (service) => `postgres://127.0.0.1/${service}_db`,
	});
	expect(settings).toMatchObject({ NODE_ID: "orders-2", SERVICES: "orders", REDIS_URL: "" });
	expect(Object.keys(settings).filter((name) => name.endsWith("_DATABASE_URL"))).toEqual(["ORDERS_DATABASE_URL"]);
});

test("a program that is missing is named with how to install it, and how to do without", () => {
	const find = () => findProgram("no-such-server", "no-such-formula", "SOME_URL=some://host");
	expect(find).toThrow(
		/no-such-server is not installed[^]*apt-get install no-such-server[^]*brew install no-such-formula/,
	);
	expect(find).toThrow("SOME_URL=some://host npm run cluster");
});
