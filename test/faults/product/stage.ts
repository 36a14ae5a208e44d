import type { ServiceBroker } from "moleculer";
import { createNode } from "../../../cli/node.ts";
import { setDatabaseUrls } from "../../../lib/env.ts";
import { call } from "../../../lib/service.ts";
import { SERVICE_NAMES, STATEFUL_SERVICES, type StatefulService } from "../../../lib/topology.ts";
import { createDatabase, type TestDatabase } from "../../support/databases.ts";
import { person } from "../../support/people.ts";
import type { Trader } from "./client-log.ts";

/** What each trader begins with: more than he can lose. */
export const MONEY = { USD: "50000000", BTC: "1000", ETH: "20000" } as const;

/** Nothing is under test yet. */
const PATIENCE_MS = 60_000;

/** A database for every service, with its tables. */
export async function createDatabases(): Promise<ReadonlyMap<StatefulService, TestDatabase>> {
	const databases = new Map<StatefulService, TestDatabase>();
	for (const service of STATEFUL_SERVICES) databases.set(service, await createDatabase(service));
	return databases;
}

/** Registers traders with money and API keys, by a node of all services in this process. */
export async function provideTraders(
	databases: ReadonlyMap<StatefulService, TestDatabase>,
	dataDir: string,
	count: number,
): Promise<readonly Trader[]> {
	setDatabaseUrls(Object.fromEntries([...databases].map(([service, { url }]) => [service, url])));
	Object.assign(process.env, { TRANSPORTER: "", PORT: "0", DATA_DIR: dataDir });
	const broker = await createNode(SERVICE_NAMES, { logger: false, nodeID: "stage", requestTimeout: PATIENCE_MS });
	await broker.start();
	try {
		const traders: Trader[] = [];
		while (traders.length < count) traders.push(await provide(broker, `trader-${traders.length + 1}`));
		return traders;
	} finally {
		await broker.stop();
	}
}

async function provide(broker: ServiceBroker, username: string): Promise<Trader> {
	const account = { username, email: `${username}@example.com`, password: `${username}-long-enough` };
	const { user_id, roles } = await call(broker, "auth.provision", { ...account, roles: ["trader"] });
	for (const [asset, amount] of Object.entries(MONEY)) {
		const deposit = { user_id, asset, amount, idempotency_key: `${username}-${asset}` };
		await call(broker, "trading.deposit", deposit, person("admin", "admin"));
	}
	const user = { user_id, username, roles, session_id: user_id };
	const options = { meta: { user } };
	const { key_id, secret } = await call(
		broker,
		"auth.createApiKey",
		{ name: "bot", scopes: ["read", "trade"] },
		options,
	);
	return { user_id, key: { "X-Api-Key": key_id, "X-Api-Secret": String(secret) } };
}
