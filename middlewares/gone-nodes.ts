import { Errors, type Middleware, type ServiceBroker, Transporters } from "moleculer";
import { createInbox, Events, type Msg, type NatsConnection } from "nats";

/** Moleculer's transporter over NATS; its types leave the client out. */
type NatsTransporter = Transporters.Base & { readonly client: NatsConnection | null };

interface Packet {
	readonly type: string;
	readonly target: string | null;
	readonly payload: { readonly id: string; readonly seq?: number };
}

type Send = (topic: string, data: Buffer, meta: { readonly packet: Packet }) => Promise<void>;

/** A node's connection to NATS. */
interface Link {
	/** Where NATS answers requests that nobody takes. */
	readonly inbox: string;
	lost: boolean;
}

const REQUEST = "REQ";
/** What NATS answers for those who are not there: a message without content. */
const NO_RESPONDERS = 503;

/**
 * Finds out at once that a node's process is gone: NATS answers a message that nobody has subscribed to, if it is told
 * whom to answer. A call that reached nobody is rejected as one that was never begun, so `elsewhere` asks another node;
 * what the node had taken before is rejected as unknown. A heartbeat of the node, or its return, brings it back.
 *
 * What is sent while the own connection is away the client drops: such calls are never begun either.
 */
// Moleculer also takes a function that makes a middleware; its types do not say so.
export const goneNodes = ((broker: ServiceBroker): Middleware => {
	let link: Link | undefined;

	const hooks = {
		created() {
			broker.localBus.on("$transporter.connected", () => {
				const { tx } = broker.transit ?? {};
				if (tx instanceof Transporters.NATS) link = follow(broker, tx.client);
			});
		},
		transporterSend(this: unknown, next: Send): Send {
			const transporter = this as NatsTransporter;
			return async (topic, data, meta) => {
				const { type, target, payload } = meta.packet;
				// Later parts of a stream follow a request that has been taken.
				if (!link || !transporter.client || type !== REQUEST || target === null || payload.seq !== undefined)
					await next(topic, data, meta);
				else if (link.lost) rejectUnsent(broker, payload.id);
				else transporter.client.publish(topic, data, { reply: `${link.inbox}.${payload.id}` });
			};
		},
	};
	return { name: "GoneNodes", ...hooks } as unknown as Middleware;
}) as unknown as Middleware;

function follow(broker: ServiceBroker, client: NatsConnection): Link {
	const link: Link = { inbox: createInbox(), lost: false };
	const leaving = new Set<string>();

	async function takeOut(nodeID: string): Promise<void> {
		const { registry } = broker;
		const node = registry.nodes.get(nodeID);
		if (!node.available || leaving.has(nodeID)) return;
		const { instanceID } = node;
		leaving.add(nodeID);
		// Nobody else asks it.
		registry.unregisterServicesByNode(nodeID);
		// By then it is known of all that was sent to it whether it was there to take it.
		await client.flush().catch(() => {});
		leaving.delete(nodeID);
		if (node.instanceID === instanceID) registry.nodes.disconnected(nodeID, true);
	}

	client.subscribe(`${link.inbox}.*`, {
		callback(_error, { subject, data, headers }: Msg) {
			if (data.length > 0 || headers?.code !== NO_RESPONDERS) return;
			const nodeID = rejectUnsent(broker, subject.slice(link.inbox.length + 1));
			if (nodeID !== undefined) void takeOut(nodeID);
		},
	});

	async function watch(): Promise<void> {
		for await (const { type } of client.status()) {
			if (type === Events.Disconnect) link.lost = true;
			if (type !== Events.Reconnect) continue;
			link.lost = false;
			// Others may have asked meanwhile, and found nobody.
			await broker.registry.discoverer.sendLocalNodeInfo();
		}
	}
	void watch();
	return link;
}

/** Ends the call with that id as one that nobody has begun; gives who was asked, unless it has ended before. */
function rejectUnsent({ transit }: ServiceBroker, id: string): string | undefined {
	const request = transit?.pendingRequests.get(id);
	if (!transit || !request) return undefined;
	const { nodeID, ctx } = request;
	transit.removePendingRequest(id);
	request.reject(new Errors.ServiceNotAvailableError({ action: ctx.action?.name ?? "", nodeID }));
	return nodeID;
}
