import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ServiceBroker } from "moleculer";
import type { Principal, Role } from "../contracts/index.ts";
import { call } from "../lib/service.ts";

interface DemoUser {
	readonly username: string;
	readonly password: string;
}

export type DemoUsers = readonly DemoUser[];

/** Passwords are kept from before the first user is made until the last has money, so that a crash leaves no riddle. */
interface DemoFile {
	readonly users: DemoUsers;
	readonly complete: boolean;
}

const ADMIN = "admin";
const TRADERS = ["alice", "bob"] as const;
const ROLES: Readonly<Record<string, readonly Role[]>> = { [ADMIN]: ["admin"] };

/** Enough to trade every instrument on either side. */
const PAPER_MONEY = { USD: "1000000", USDT: "1000000", BTC: "10", ETH: "100" } as const;

/**
 * Makes the demo users with their paper money, once per data folder, and lets users deposit paper money. A seeding
 * that was cut short is completed by the next; what the users became afterwards stays.
 */
export async function seedDemo(broker: ServiceBroker, dataDir: string): Promise<DemoUsers> {
	const file = path.join(dataDir, "demo-users.json");
	const known = existsSync(file) ? (JSON.parse(await readFile(file, "utf8")) as DemoFile) : null;
	if (known?.complete) return known.users;

	const users = known?.users ?? [...TRADERS, ADMIN].map((username) => ({ username, password: newPassword() }));
	await save(file, { users, complete: false });
	const ids = new Map<string, string>();
	for (const user of users) ids.set(user.username, await provide(broker, user));

	const admin = { user_id: ids.get(ADMIN) ?? "", username: ADMIN, roles: ["admin"], session_id: "seed" } as const;
	await allowPaperDeposits(broker, admin);
	for (const username of TRADERS) await fund(broker, admin, username, ids.get(username) ?? "");
	await save(file, { users, complete: true });
	return users;
}

function newPassword(): string {
	return randomBytes(9).toString("base64url");
}

async function save(file: string, content: DemoFile): Promise<void> {
	await writeFile(`${file}.new`, JSON.stringify(content, null, "\t"), { mode: 0o600 });
	await rename(`${file}.new`, file);
}

async function provide(broker: ServiceBroker, { username, password }: DemoUser): Promise<string> {
	const known = await call(broker, "users.resolve", { username });
	if (known) return known.user_id;
	const roles = ROLES[username] ?? ["trader"];
	const user = await call(broker, "auth.provision", { username, email: `${username}@example.com`, password, roles });
	return user.user_id;
}

async function allowPaperDeposits(broker: ServiceBroker, admin: Principal): Promise<void> {
	const key = "trading.paper_deposits";
	const { version } = await call(broker, "config.get", { key }, { meta: { user: admin } });
	if (version > 0) return;
	await call(broker, "config.set", { key, value: true, expected_version: version }, { meta: { user: admin } });
}

async function fund(broker: ServiceBroker, admin: Principal, username: string, user_id: string): Promise<void> {
	for (const [asset, amount] of Object.entries(PAPER_MONEY)) {
		const deposit = { user_id, asset, amount, idempotency_key: `demo-${username}-${asset}` };
		await call(broker, "trading.deposit", deposit, { meta: { user: admin } });
	}
}
