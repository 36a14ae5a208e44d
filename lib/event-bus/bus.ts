import type { ServiceBroker } from "moleculer";
import { env } from "../env.ts";
import { inProcessTransport } from "./in-process.ts";
import { jetStreamTransport } from "./jetstream.ts";
import type { Transport } from "./transport.ts";

interface Bus {
	readonly transport: Transport;
	users: number;
}

const buses = new WeakMap<ServiceBroker, Bus>();

/** The event transport of `broker`, made at the first join: JetStream in a cluster, else in process. */
export function joinBus(broker: ServiceBroker): Transport {
	const bus = buses.get(broker) ?? { transport: makeTransport(broker), users: 0 };
	bus.users += 1;
	buses.set(broker, bus);
	return bus.transport;
}

/** Gives the transport back; whoever is the last closes it. */
export async function leaveBus(broker: ServiceBroker): Promise<void> {
	const bus = buses.get(broker);
	if (!bus) return;
	bus.users -= 1;
	if (bus.users > 0) return;
	buses.delete(broker);
	await bus.transport.close();
}

function makeTransport(broker: ServiceBroker): Transport {
	const { transporter, namespace, jetStreamReplicas } = env();
	if (!transporter) return inProcessTransport();
	return jetStreamTransport({
		servers: transporter,
		namespace,
		replicas: jetStreamReplicas,
		logger: broker.getLogger("event-bus"),
	});
}
