import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import ApiGateway from "moleculer-web";

/**
 * A process with nothing but moleculer-web and an empty action, both as they come: what the framework gives at best.
 * Tells its parent where it listens, and ends with it.
 */
const broker = new ServiceBroker({ logger: false });
broker.createService({ name: "empty", actions: { run: () => ({}) } });
const settings = {
	ip: "127.0.0.1",
	port: 0,
	routes: [{ path: "/api", aliases: { "POST /orders": "empty.run" }, bodyParsers: { json: true } }],
};
const schema: ServiceSchema<typeof settings> = {
	name: "gateway",
	mixins: [ApiGateway as Partial<ServiceSchema>],
	settings,
};
const gateway: Service & { readonly server?: Server } = broker.createService(schema);
await broker.start();
const address = gateway.server?.address() as AddressInfo | null | undefined;
process.send?.({ url: `http://127.0.0.1:${address?.port}` });
await once(process, "disconnect");
process.exit(0);
