import { setTimeout as delay } from "node:timers/promises";
import { type Context, ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { brokerOptions } from "../../moleculer.config.ts";

// A node of the cluster's own configuration whose service only tells who was asked, and how often.

const broker = new ServiceBroker({ ...brokerOptions(env()), logger: false });
const seen = new Set<string>();
let missed = 0;

broker.createService({
	name: "probe",
	actions: {
		ask: {
			auth: "internal",
			async handler({ params: { id = "", takesMs = 0 } }: Context<{ id?: string; takesMs?: number }>) {
				seen.add(id);
				await delay(takesMs);
				return broker.nodeID;
			},
		},
		askAbout: {
			auth: "internal",
			strategy: "Shard",
			strategyOptions: { shardKey: "symbol" },
			handler: () => broker.nodeID,
		},
		/** How often it has taken another node for gone. */
		missed: { auth: "internal", handler: () => missed },
		seen: { auth: "internal", handler: ({ params: { id } }: Context<{ id: string }>) => seen.has(id) },
	},
});

broker.localBus.on("$node.disconnected", ({ unexpected }: { readonly unexpected: boolean }) => {
	if (unexpected) missed += 1;
});

const stop = () => void broker.stop().then(() => process.exit());
process.on("SIGTERM", stop);
process.on("disconnect", stop);
await broker.start();
process.send?.("ready");
