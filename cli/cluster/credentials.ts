import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** What the cluster's own servers ask for, so that other users of the machine stay outside. */
export interface Credentials {
	readonly nats: string;
	readonly redis: string;
}

/** The passwords kept in `folder`, made at the first start. */
export function credentials(folder: string): Credentials {
	const file = path.join(folder, "credentials.json");
	if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Credentials;
	const made = { nats: randomBytes(24).toString("hex"), redis: randomBytes(24).toString("hex") };
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
	return made;
}
