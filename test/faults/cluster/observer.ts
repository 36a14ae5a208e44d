import type { ServiceBroker } from "moleculer";
import { createNode } from "../../../cli/node.ts";
import { kindOf } from "./layout.ts";

/** A node without services that knows which nodes the cluster has. */
export interface Observer {
	/** The present life of a node, or null while it does not serve all that it is to. */
	lifeOf(node: string): string | null;
	stop(): Promise<void>;
}

interface KnownNode {
	readonly id: string;
	readonly available: boolean;
	readonly instanceID: string | null;
	readonly services?: readonly { readonly name: string }[];
}

/** Joins the cluster that `settings` tell of. */
export async function joinAsObserver(settings: Readonly<Record<string, string>>): Promise<Observer> {
	Object.assign(process.env, settings, { NODE_ID: "observer" });
	const broker: ServiceBroker = await createNode([], { logger: false });
	await broker.start();
	return {
		lifeOf(node) {
			const known = broker.registry.getNodeList({ withServices: true }) as unknown as readonly KnownNode[];
			const found = known.find(({ id, available }) => id === node && available);
			const served = new Set(found?.services?.map(({ name }) => name));
			return found && kindOf(node).services.every((name) => served.has(name)) ? found.instanceID : null;
		},
		stop: () => broker.stop(),
	};
}
