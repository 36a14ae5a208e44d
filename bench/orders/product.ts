import { once } from "node:events";
import { startEmbedded } from "../../cli/embedded.ts";
import { silentProgress } from "../../cli/progress.ts";
import { call } from "../../lib/service.ts";

/**
 * The embedded mode as `npm start` has it, on the databases that the environment names, with as many rich traders as
 * its argument says. Tells its parent where it listens and who they are, and ends with it.
 */
const ADMIN = { user_id: "00000000-0000-4000-8000-000000000000", username: "bench", session_id: "bench" };
const MONEY = { USD: "100000000000", BTC: "10000000", ETH: "10000000" };

const { broker, url, stop } = await startEmbedded(silentProgress);
const traders: { readonly username: string; readonly password: string }[] = [];
for (let i = 0; i < Number(process.argv[2]); i++) traders.push(await provide(`trader-${i}`));
process.send?.({ url, traders });
await once(process, "disconnect");
await stop();
process.exit(0);

async function provide(username: string): Promise<(typeof traders)[number]> {
	const password = `${username}-long-enough`;
	const email = `${username}@example.com`;
	const { user_id } = await call(broker, "auth.provision", { username, email, password, roles: ["trader"] });
	for (const [asset, amount] of Object.entries(MONEY)) {
		const transfer = { user_id, asset, amount, idempotency_key: `${username}-${asset}` };
		await call(broker, "trading.deposit", transfer, { meta: { user: { ...ADMIN, roles: ["admin"] } } });
	}
	return { username, password };
}
