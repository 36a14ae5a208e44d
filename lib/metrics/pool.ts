import type { ServiceBroker } from "moleculer";
import type { Db } from "../db.ts";
import { metricsOf } from "./registry.ts";

/** Sequelize's pool, which its types leave out. */
interface Pool {
	readonly using: number;
	readonly available: number;
	readonly waiting: number;
}

/** Shows the state of a service's pool at each scrape, where the node has metrics. */
export function showPool(broker: ServiceBroker, service: string, { sequelize }: Db): void {
	const metrics = metricsOf(broker);
	if (!metrics) return;
	const { pool } = sequelize.connectionManager as unknown as { readonly pool: Pool };
	metrics.onScrape(() => {
		const { using: used, available: idle, waiting } = pool;
		for (const [state, count] of Object.entries({ used, idle, waiting }))
			metrics.set("database_pool_connections", { service, state }, count);
	});
}
