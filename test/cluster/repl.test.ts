import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { removePostgres } from "../../lib/embedded-postgres/index.ts";
import { openTerminal, type Terminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";
import { type Running, runCli } from "./processes.ts";

const REPL = path.join(import.meta.dirname, "../../cli/repl.ts");
const PATIENCE_MS = 60_000;
const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/;

const dataDir = mkdtempSync(path.join(os.tmpdir(), "agt-repl-"));
let instance: Running;
let terminal: Terminal;

beforeAll(async () => {
	instance = runCli("start", { DATA_DIR: dataDir, PORT: "0" });
	await until(() => instance.output().includes("Ready after"), PATIENCE_MS, 100);
	terminal = openTerminal([process.execPath, REPL], { DATA_DIR: dataDir, HOME: dataDir });
	await until(() => terminal.screen().includes("agt $"), PATIENCE_MS, 100);
}, 2 * PATIENCE_MS);

afterAll(async () => {
	terminal?.close();
	await instance?.end("SIGTERM");
	await removePostgres(path.join(dataDir, "postgres"));
	rmSync(dataDir, { recursive: true, force: true });
}, PATIENCE_MS);

test("Moleculer's own commands show the node and its services", async () => {
	expect(await terminal.ask("nodes", /ONLINE/)).toContain("Node ID");
	expect(await terminal.ask("services", /trading/)).toContain("orders");
});

test("an order is placed on behalf of a user, shown, seen in the book, and canceled", async () => {
	const placed = await terminal.ask("order place buy 0.25 BTC-USD 59000 --user alice", /updated_at.*\n/);
	expect(placed).toMatch(/status +open/);
	const id = UUID.exec(placed)?.[0] ?? "";
	expect(await terminal.ask("book BTC-USD", /bid/)).toMatch(/bid 59000 +0\.25 +█+/);
	expect(await terminal.ask("orders --user alice --limit 5", /status[^]*agt \$/)).toContain(id);
	expect(await terminal.ask("orders --status filled", /There are no such orders/)).not.toContain(id);
	expect(await terminal.ask(`order ${id}`, /status +open[^]*updated_at/)).toMatch(/price +59000/);
	expect(await terminal.ask("leases", /left ms[^]*BTC-USD/)).toMatch(/BTC-USD .*│ +1 │ +[1-9]\d*/);
	expect(await terminal.ask(`order cancel ${id}`, /updated_at.*\n/)).toMatch(/status +canceled/);
	expect(await terminal.ask("book BTC-USD", /empty/)).toContain("0 ask and 0 bid");
});

test("a user's money is shown by his name", async () => {
	const shown = await terminal.ask("positions bob", /available[^]*agt \$/);
	expect(shown).toMatch(/bob \([0-9a-f-]{36}\), active: equity [\d.]+ USD/);
	expect(shown).toMatch(/USD +│ +[\d.]+ │ +0 │ +[\d.]+/);
});

test("trading is halted with a reason, and goes on", async () => {
	expect(await terminal.ask("risk status", /Nothing is halted/)).toBeTruthy();
	expect(await terminal.ask("halt symbol ETH-USD", /Why/)).toContain("--reason");
	expect(await terminal.ask('halt symbol ETH-USD --reason "a drill" --cancel-open', /halted/)).toContain("a drill");
	expect(await terminal.ask("order place buy 1 ETH-USD 3000 --user alice", /reject_code.*\n/)).toMatch(
		/TRADING_HALTED/,
	);
	expect(await terminal.ask("risk status", /ETH-USD/)).toContain("a drill");
	expect(await terminal.ask("resume symbol ETH-USD", /active/)).toContain("ETH-USD");
	expect(await terminal.ask("risk status", /Nothing is halted/)).toBeTruthy();
});

test("a new key of access tokens waits for its turn", async () => {
	expect(await terminal.ask("keys", /signing[^]*agt \$/)).not.toContain("published");
	expect(await terminal.ask("keys rotate", /signing[^]*agt \$/)).toContain("published");
});

test("a user is given a new password", async () => {
	expect(await terminal.ask("password bob", /is now .*\n/)).toMatch(/The password of bob is now [\w-]{12}\r?\n/);
});

test("events, backlogs and invariants are there to see", async () => {
	expect(await terminal.ask("events tail --limit 8", /risk\.trading_resumed/)).toContain("risk.trading_halted");
	expect(await terminal.ask("outbox", /dead[^]*risk[^]*agt \$/)).toMatch(/trading +│ +\d+ │ +\d+/);
	expect(await terminal.ask("verify", /All invariants hold/)).toMatch(/✓ I1 /);
});

test.each([
	["book", "<symbol>"],
	["orders", "--status"],
	["order place", "--client-order-id"],
	["order place", "--idempotency-key"],
	["order cancel", "<order_id>"],
	["positions", "<user>"],
	["halt", "--cancel-open"],
	["resume", "--reason"],
	["risk status", "risk-status"],
	["outbox", "outbox"],
	["leases", "leases"],
	["keys rotate", "--compromised"],
	["password", "<user>"],
	["verify", "--rebuild"],
])("'%s --help' says how", async (name, said) => {
	expect(await terminal.ask(`${name} --help`, /display help/)).toContain(said);
});

test.each([
	["book NO-SUCH", /VALIDATION_FAILED|NOT_FOUND|UNKNOWN_SYMBOL/],
	["password nobody-of-that-name", /There is no user 'nobody-of-that-name'/],
	["positions nobody-of-that-name", /There is no user 'nobody-of-that-name'/],
	["order 00000000-0000-4000-8000-000000000000", /There is no order/],
	["order place buy 0.1 BTC-USD 59000", /Say --user/],
	["order place buy 1e3 BTC-USD 59000 --user alice", /VALIDATION_FAILED[^]*quantity/i],
	["orders --limit 0", /--limit takes 1 to 500/],
	["book", /missing required argument/],
])("'%s' is answered with what is wrong, and the REPL lives on", async (line, answer) => {
	await terminal.ask(line, answer);
	expect(await terminal.ask("nodes", /ONLINE/)).toContain("Node ID");
});

test("leaving it leaves the instance as it is", async () => {
	terminal.type("exit");
	await until(() => instance.process.exitCode === null && isGone(), PATIENCE_MS, 100);
	expect(instance.process.exitCode).toBeNull();
});

/** The terminal ends with its program. */
function isGone(): boolean {
	try {
		return terminal.screen() === "";
	} catch {
		return true;
	}
}
