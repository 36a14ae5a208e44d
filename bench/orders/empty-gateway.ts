import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { type Service, ServiceBroker } from "moleculer";
import ApiGateway from "moleculer-web";

/**
 * A process with nothing but moleculer-web and an empty action, both as they come: what the framework gives at best.
 * Tells its parent where it listens, and ends with it.
 */
const broker = new ServiceBroker({ logger: false });
broker.createService({ name: "empty", actions: { run: () => ({}) } });
const gateway = broker.createService({
	name: "gateway",
	mixins: [ApiGateway],
	settings: {
		ip: "127.0.0.1",
		port: 0,
		routes: [{ path: "/api", aliases: { "POST /orders": "empty.run" }, bodyParsers: { json: true } }],
	},
} as Parameters<typeof broker.createService>[0]) as Service & { readonly server: Server };
await broker.start();
process.send?.({ url: `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}` });
await once(process, "disconnect");
process.exit(0);
