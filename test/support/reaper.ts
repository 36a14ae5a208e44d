import { rm } from "node:fs/promises";
import { removePostgres } from "../../lib/embedded-postgres/index.ts";

const [, , folder, home] = process.argv;
if (!folder || !home) throw new Error("usage: reaper.ts FOLDER HOME");

// The pipe closes when whoever started us ends, in whatever way.
for await (const _ of process.stdin);
await removePostgres(home);
await rm(folder, { recursive: true, force: true });
