import type { Middleware } from "moleculer";

interface NodeEvent {
	readonly node: { readonly id: string; readonly instanceID: string };
}

/**
 * Rejects what waits for a node that has begun a new life under its id: who was asked is gone, and cannot answer any
 * more. Moleculer itself does so only for nodes that leave or fall silent.
 */
export const restarts: Middleware = {
	name: "Restarts",
	created(broker) {
		const lives = new Map<string, string>();
		const onNews = ({ node }: NodeEvent) => {
			const before = lives.get(node.id);
			lives.set(node.id, node.instanceID);
			if (before !== undefined && before !== node.instanceID) broker.transit?.removePendingRequestByNodeID(node.id);
		};
		broker.localBus.on("$node.connected", onNews);
		broker.localBus.on("$node.updated", onNews);
		broker.localBus.on("$node.disconnected", ({ node }: NodeEvent) => void lives.delete(node.id));
	},
};
