import { env } from "../lib/env.ts";
import { isStateful } from "../lib/topology.ts";
import { migrateAll } from "./databases.ts";
import { runCommand } from "./run.ts";

await runCommand(async () => {
	const { services, databaseUrl } = env();
	const stateful = services.filter(isStateful);
	for (const service of stateful) databaseUrl(service);
	const applied = await migrateAll(stateful, databaseUrl);
	console.log(`${stateful.join(", ")}: ${applied === 0 ? "up to date" : `${applied} migrations applied`}`);
});
