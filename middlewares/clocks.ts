import type { Context, Middleware, Service, ServiceBroker } from "moleculer";
import type { Meta } from "../contracts/index.ts";

interface NodeEvent {
	readonly node: { readonly id: string };
}

interface Pong {
	readonly nodeID: string;
	readonly elapsedTime: number;
	/** This node's clock less the other one's, give or take half of `elapsedTime`. */
	readonly timeDiff: number;
}

/** How often the clocks of the others are asked for. */
const ASK_EVERY_MS = 10_000;
/** What came back later tells too little. */
const MAX_ELAPSED_MS = 1_000;
/** Clocks that are this close count as the same. */
const SAME_MS = 1_000;

/** How far this node's clock is ahead of others' that go wrong, by node. */
const leads = new WeakMap<ServiceBroker, Map<string, number>>();
const timers = new WeakMap<ServiceBroker, NodeJS.Timeout>();

/**
 * Puts the deadline of a call from another node on this node's clock, where the two clocks differ: a node with a wrong
 * clock would otherwise refuse all it is asked, or have all refused that it asks. Belongs outside `deadline`.
 */
export const clocks: Middleware = {
	name: "Clocks",

	created(broker) {
		const known = new Map<string, number>();
		leads.set(broker, known);
		broker.localBus.on("$node.pong", ({ nodeID, elapsedTime, timeDiff }: Pong) => {
			if (elapsedTime > MAX_ELAPSED_MS) return;
			if (Math.abs(timeDiff) > SAME_MS) known.set(nodeID, timeDiff);
			else known.delete(nodeID);
		});
		const ask = ({ node }: NodeEvent) => void broker.transit?.sendPing(node.id);
		broker.localBus.on("$node.connected", ask);
		broker.localBus.on("$node.updated", ask);
		broker.localBus.on("$node.disconnected", ({ node }: NodeEvent) => void known.delete(node.id));
	},

	async started(broker) {
		if (broker.transit)
			timers.set(
				broker,
				setInterval(() => void broker.transit?.sendPing(), ASK_EVERY_MS),
			);
	},

	async stopped(broker) {
		clearInterval(timers.get(broker));
	},

	localAction: (next) =>
		function onOwnClock(this: Service, ctx: Context<unknown, Meta>) {
			const lead = leads.get(ctx.broker)?.get(ctx.nodeID ?? "");
			const { deadline } = ctx.meta;
			if (lead !== undefined && deadline !== undefined) Object.assign(ctx.meta, { deadline: deadline + lead });
			return next.call(this, ctx);
		},
};
