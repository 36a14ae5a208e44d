import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { env, takeAnyPort } from "../lib/env.ts";
import { startEmbedded } from "./embedded.ts";
import { findInstance } from "./instance.ts";
import { positive } from "./options.ts";
import { shownProgress, startBar } from "./progress.ts";
import { readRecording } from "./replay/recording.ts";
import { showMismatches, showResult } from "./replay/report.ts";
import { replay } from "./replay/run.ts";
import { runCommand, usageError } from "./run.ts";
import { showFinding, verify } from "./verify/run.ts";

const USAGE = `npm run replay -- FILE [--speed max|FACTOR] [--limit N] [--symbol BTC-USDT]

FILE has lines of Binance's WebSocket streams, each behind a local time in ns; .gz is unpacked.
--speed   "max" (default), or how many times faster than recorded
--limit   how many trades to send
--symbol  the instrument to trade; its name without "-" picks the recorded trades`;

interface Options {
	readonly file: string;
	readonly speed: number | null;
	readonly limit: number | undefined;
	readonly symbol: string;
}

/** Where the orders go, and the databases that tell what became of them. */
interface Target {
	readonly url: string;
	readonly databases: Readonly<Record<string, string>>;
	leave(): Promise<void>;
}

function readOptions(): Options {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			speed: { type: "string", default: "max" },
			limit: { type: "string" },
			symbol: { type: "string", default: "BTC-USDT" },
		},
	});
	const [file, ...more] = positionals;
	if (!file || more.length > 0) throw usageError(USAGE);
	if (!existsSync(file)) throw usageError(`There is no file ${file}`);
	const speed = values.speed === "max" ? null : positive("--speed", values.speed);
	const limit = values.limit === undefined ? undefined : positive("--limit", values.limit);
	return { file, speed, limit, symbol: values.symbol };
}

/** The running instance, or one in this process. */
async function findTarget(): Promise<Target> {
	const running = await findInstance(env().dataDir);
	if (running) return { url: running.url, databases: running.databases, leave: async () => {} };
	takeAnyPort();
	const embedded = await startEmbedded(shownProgress);
	return { url: embedded.url, databases: embedded.databases, leave: embedded.stop };
}

/** The password of the two replay users, kept so that a later replay can cancel what an earlier one has left open. */
async function replayPassword(dataDir: string): Promise<string> {
	const file = path.join(dataDir, "replay-password");
	if (existsSync(file)) return readFile(file, "utf8");
	const password = randomBytes(18).toString("base64url");
	await writeFile(file, password, { mode: 0o600 });
	return password;
}

async function run(options: Options, target: Target): Promise<boolean> {
	const trades = await readRecording(options.file, options.symbol.replace("-", ""), options.limit);
	if (trades.length === 0) throw usageError(`${options.file} has no trades of ${options.symbol}`);
	const bar = startBar(trades.length, "trades");
	const result = await replay({
		baseUrl: target.url,
		symbol: options.symbol,
		trades,
		speed: options.speed,
		runId: randomBytes(6).toString("hex"),
		password: await replayPassword(env().dataDir),
		onProgress: (done) => bar.update(done),
	}).finally(() => bar.stop());
	console.log(showResult(result, trades.length));
	if (result.mismatches.length > 0) console.log(showMismatches(result));
	const allHold = await verify(
		(service) => target.databases[service] as string,
		(finding) => console.log(showFinding(finding)),
	);
	return allHold && result.mismatches.length === 0;
}

await runCommand(async () => {
	const options = readOptions();
	const target = await findTarget();
	try {
		const good = await run(options, target);
		if (!good) process.exitCode = 1;
	} finally {
		await target.leave();
	}
});
