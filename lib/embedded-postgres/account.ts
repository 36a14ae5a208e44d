import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";

/** The user that PostgreSQL runs as; null for the one that runs us. */
export type Account = { readonly uid: number; readonly gid: number } | null;

const ACCOUNT_NAME = "postgres";

/** Who has no account of his own to run PostgreSQL as takes the system's nobody. */
const FALLBACK_NAME = "nobody";

/**
 * PostgreSQL refuses to run as root: gives the ordinary user to run it as then, made if need be, else null. Data that
 * is there already stays with its owner.
 */
export function serverAccount(data: string): Account {
	if (process.getuid?.() !== 0) return null;
	if (existsSync(data)) {
		const { uid, gid } = statSync(data);
		if (uid !== 0) return { uid, gid };
	}
	const account = lookUp(ACCOUNT_NAME) ?? create(ACCOUNT_NAME) ?? lookUp(FALLBACK_NAME);
	if (!account) throw new Error(`PostgreSQL cannot run as root, and there is no user ${ACCOUNT_NAME} to run it as`);
	return account;
}

/** Whether `account` itself may enter the folder or run the file at `target`: folders on the way may be private. */
export function canEnter(account: Account, target: string): boolean {
	return spawnSync("sh", ["-c", 'test -x "$0" && test -r "$0"', target], runAs(account)).status === 0;
}

/** Options for a child process to run as `account`, in a folder that everybody may enter. */
export function runAs(account: Account): Pick<SpawnSyncOptions, "uid" | "gid" | "cwd"> {
	return { cwd: "/", ...account };
}

function lookUp(name: string): Account {
	const [uid, gid] = ["-u", "-g"].map((flag) => {
		const { status, stdout } = spawnSync("id", [flag, name], { encoding: "utf8" });
		return status === 0 ? Number(stdout) : undefined;
	});
	return uid && gid ? { uid, gid } : null;
}

function create(name: string): Account {
	spawnSync("groupadd", ["--system", name]);
	spawnSync("useradd", ["--system", "--gid", name, "--no-create-home", "--shell", "/usr/sbin/nologin", name]);
	return lookUp(name);
}
