import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { readRecording } from "../../cli/replay/recording.ts";
import { showResult } from "../../cli/replay/report.ts";
import { replay } from "../../cli/replay/run.ts";
import { call } from "../../lib/service.ts";
import { person } from "../support/people.ts";
import { startApi, type TestApi } from "../support/services.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "replay-"));
let api: TestApi;
beforeAll(async () => {
	api = await startApi();
	await call(
		api.broker,
		"config.set",
		{ key: "trading.paper_deposits", value: true, expected_version: 0 },
		person("root", "admin"),
	);
});
afterAll(async () => {
	await api.stop();
	rmSync(folder, { recursive: true });
});

/** When the recorder got the first message. */
const NOW_NS = 172_316_125_400;

/** Lines as the recorder writes them: trades in both directions among messages of other streams. */
function recordingOf(trades: readonly (readonly [price: string, quantity: string, buyerIsMaker: boolean])[]): string {
	const messages = trades.flatMap(([p, q, m], i) => [
		{ stream: "btcusdt@bookTicker", data: { u: i, s: "BTCUSDT", b: "1.00", B: "1", a: "2.00", A: "1" } },
		{ stream: "btcusdt@trade", data: { e: "trade", s: "BTCUSDT", t: i, p, q, T: 1000 + i, m, M: true } },
	]);
	const file = path.join(folder, "recorded.gz");
	writeFileSync(file, gzipSync(messages.map((message, i) => `${NOW_NS + i} ${JSON.stringify(message)}\n`).join("")));
	return file;
}

const RECORDED = [
	["61837.63000000", "0.02000000", true],
	["61837.64000000", "0.00009000", false],
	["61800.00000000", "1.50000000", true],
	["61999.99000000", "0.00001000", false],
] as const;

test("a recording is read trade by trade, up to a limit and for one pair", async () => {
	const file = recordingOf(RECORDED);
	expect(await readRecording(file, "BTCUSDT", 2)).toEqual([
		{ price: "61837.63", quantity: "0.02", takerSide: "sell", atMs: 1000 },
		{ price: "61837.64", quantity: "0.00009", takerSide: "buy", atMs: 1001 },
	]);
	expect(await readRecording(file, "ETHUSDT")).toEqual([]);
});

test("the tape of a replay is the recording, the second time as the first", async () => {
	const trades = await readRecording(recordingOf(RECORDED), "BTCUSDT");
	for (const runId of ["first", "second"]) {
		let shown = 0;
		const onProgress = (done: number) => void (shown = done);
		const result = await replay({
			baseUrl: api.baseUrl,
			symbol: "BTC-USDT",
			trades,
			speed: null,
			runId,
			password: "replay a recording",
			onProgress,
		});
		expect(result).toMatchObject({ orders: 8, equal: 4, mismatches: [] });
		expect(shown).toBe(4);
		expect(showResult(result, trades.length)).toContain("4 of 4");
	}
});

test("a replay does not begin on a book with somebody else's orders", async () => {
	const trades = await readRecording(recordingOf(RECORDED), "BTCUSDT");
	const other = person("other", "admin");
	await call(api.broker, "trading.deposit", { asset: "USDT", amount: "1000", idempotency_key: "other" }, other);
	await call(api.broker, "orders.place", { symbol: "BTC-USDT", side: "buy", quantity: "1", price: "10" }, other);
	const options = {
		baseUrl: api.baseUrl,
		symbol: "BTC-USDT",
		trades,
		speed: null,
		runId: "third",
		password: "replay a recording",
		onProgress: () => {},
	};
	await expect(replay(options)).rejects.toThrow("the book of BTC-USDT has 1 levels");
});
