import type { ServiceBroker } from "moleculer";
import { call } from "../../lib/service.ts";
import type { ProductTold } from "./traffic.ts";

/** Enough that none of them is waited for. */
export const TRADERS = 32;

const ADMIN = { user_id: "00000000-0000-4000-8000-000000000000", username: "bench", session_id: "bench" };
const MONEY = { USD: "100000000000", BTC: "10000000", ETH: "10000000" };

/** Makes `count` rich traders, one after the other. */
export async function provideTraders(broker: ServiceBroker, count: number): Promise<ProductTold["traders"]> {
	const traders: ProductTold["traders"][number][] = [];
	for (let i = 0; i < count; i++) traders.push(await provide(broker, `trader-${i}`));
	return traders;
}

async function provide(broker: ServiceBroker, username: string): Promise<ProductTold["traders"][number]> {
	const password = `${username}-long-enough`;
	const email = `${username}@example.com`;
	const { user_id } = await call(broker, "auth.provision", { username, email, password, roles: ["trader"] });
	for (const [asset, amount] of Object.entries(MONEY)) {
		const transfer = { user_id, asset, amount, idempotency_key: `${username}-${asset}` };
		await call(broker, "trading.deposit", transfer, { meta: { user: { ...ADMIN, roles: ["admin"] } } });
	}
	return { username, password };
}
