import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { ServiceBroker } from "moleculer";
import { findInstance } from "../cli/instance.ts";
import { runCommand, usageError } from "../cli/run.ts";
import type { AnyEvent, Principal, Role } from "../contracts/index.ts";
import { type Env, env } from "../lib/env.ts";
import { jetStreamTransport } from "../lib/event-bus/jetstream.ts";
import { call } from "../lib/service.ts";
import { brokerOptions } from "../moleculer.config.ts";

/** Far enough below any market to rest until it is canceled. */
const ORDER = { symbol: "BTC-USD", side: "buy", quantity: "0.001", price: "1000" } as const;
const USER = { username: "example", email: "example@example.com" } as const;

/** Types of which the last tells that the order has ended. */
const TYPES = ["orders.created", "orders.status_updated"] as const;
type Heard = Extract<AnyEvent, { type: (typeof TYPES)[number] }>;

await runCommand(async () => {
	const settings = env();
	const transporter = settings.transporter ?? (await findInstance(settings.dataDir))?.transporter;
	if (!transporter)
		throw usageError("No cluster runs here: 'npm run cluster' starts one, TRANSPORTER=nats://... names one");

	// 1. Join: a broker with the cluster's own options, so that calls have its deadlines, breakers and guards.
	const nodeId = settings.nodeId ?? `example-${process.pid}`;
	const broker = new ServiceBroker(brokerOptions({ ...settings, transporter, nodeId, logLevel: "warn" }));
	await broker.start();
	await broker.waitForServices(["auth", "orders", "trading", "users"]);
	console.log(`joined as ${nodeId}: ${broker.registry.getNodeList({ onlyAvailable: true }).length} nodes`);

	const user = await provideUser(broker);
	const events = listen(broker, settings, transporter, user.user_id);
	try {
		await trade(broker, user, events.ended);
	} finally {
		// 5. Leave: what this node has been asked is answered first.
		await events.stop();
		await broker.stop();
		console.log("left");
	}
});

/** 2. Listen: events come at least once, those of one order in order, and wait in NATS while this node is away. */
function listen(broker: ServiceBroker, { namespace }: Env, servers: string, userId: string) {
	const transport = jetStreamTransport({ servers, namespace, logger: broker.logger });
	const ends = new EventTarget();
	const consumption = transport.consume({
		name: "example",
		types: TYPES,
		// Only this process listens under that name; several would take turns.
		exclusively: (work, signal) => work(signal),
		async handle(received) {
			for (const event of received as readonly Heard[]) {
				if (event.data.user_id !== userId) continue;
				console.log(`heard  ${describe(event)}`);
				if (event.type === "orders.status_updated" && event.data.to === "canceled")
					ends.dispatchEvent(new Event(event.data.order_id));
			}
		},
	});
	return {
		/** Resolves when the order's end has been heard of. */
		ended: async (orderId: string) => void (await once(ends, orderId)),
		async stop() {
			await consumption.stop();
			await transport.close();
		},
	};
}

function describe(event: Heard): string {
	const { type, aggregate_id, aggregate_seq } = event;
	const what = event.type === "orders.status_updated" ? `${event.data.from} -> ${event.data.to}` : "";
	return `${type} ${aggregate_id}#${aggregate_seq} ${what}`.trimEnd();
}

async function trade(broker: ServiceBroker, user: Principal, ended: (orderId: string) => Promise<void>): Promise<void> {
	// 3. Act for a user: a node of the cluster is trusted, so it says itself on whose behalf it calls.
	const as = (...roles: Role[]) => ({ meta: { user: { ...user, roles } } });
	await call(broker, "trading.deposit", { asset: "USD", amount: "100", idempotency_key: "example" }, as("admin"));

	// 4. Call: names, parameters and results are checked by the compiler against contracts/.
	const { order } = await call(broker, "orders.place", { ...ORDER, client_order_id: randomUUID() }, as("trader"));
	console.log(`placed ${order.side} ${order.quantity} ${order.symbol} at ${order.price}: ${order.status}`);
	const end = ended(order.order_id);
	const canceled = await call(broker, "orders.cancel", { order_id: order.order_id }, as("trader"));
	console.log(`asked for its end: ${canceled.status}`);
	await end;
}

async function provideUser(broker: ServiceBroker): Promise<Principal> {
	const known = await call(broker, "users.resolve", { username: USER.username });
	const password = randomUUID();
	const { user_id, username } =
		known ?? (await call(broker, "auth.provision", { ...USER, password, roles: ["trader"] }));
	return { user_id, username, roles: ["trader"], session_id: "example" };
}
