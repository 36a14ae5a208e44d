import { fork } from "node:child_process";
import { on } from "node:events";
import path from "node:path";
import { parseArgs } from "node:util";
import { wholeNumber } from "../cli/options.ts";
import type { Report } from "../cli/programs.ts";
import { progressOn, startBar } from "../cli/progress.ts";
import { openSandbox, type Sandbox } from "../test/support/sandbox.ts";
import { describeMachine, showMachine } from "./machine.ts";
import type { Opened, Samples, Told } from "./recovery/instance.ts";
import { percentilesOf } from "./statistics.ts";

export const summary = "a market with a million open orders: how long its book takes to rebuild, and what it costs";

/** Fewer say nothing of what one takes. */
const MIN_ORDERS = 1_000;
const MAX_ORDERS = 2_000_000;
const MAX_CONNECTIONS = 100;
const MAX_OPEN_S = 30;
const MAX_BYTES_PER_ORDER = 1_000;
/** What a full book may add to the time of a command. */
const MAX_RATIO = 1.2;
/** The two books take turns, so that whatever else the machine does weighs on both. */
const ROUNDS = 40;
const COMMANDS_A_ROUND = 50;
const WARM_UP_ROUNDS = 4;

const INSTANCE = path.join(import.meta.dirname, "recovery/instance.ts");

interface Latency {
	readonly p50_ms: number;
	readonly p99_ms: number;
}
type Latencies = Readonly<Record<keyof Samples, Latency>>;

/** `--orders N`: fills a market, opens it, and places, looks and cancels in it and in an empty one by turns. */
export async function run(args: readonly string[]): Promise<Report> {
	const { values } = parseArgs({ args: [...args], options: { orders: { type: "string", default: "1000000" } } });
	const orders = wholeNumber("--orders", values.orders, MIN_ORDERS, MAX_ORDERS);
	const progress = progressOn(process.stderr);
	const sandbox = await progress("PostgreSQL", () => openSandbox({ maxConnections: MAX_CONNECTIONS, durable: true }));
	try {
		const empty = await progress("Empty market", () => openInstance(sandbox, 0));
		const full = await openInstance(sandbox, orders);
		const [atEmpty, atFull] = await progress("Commands", () => byTurns(empty, full));
		const machine = await describeMachine();
		const { open_s, bytes_per_order } = full.opened;
		const ratios = ratiosOf(atEmpty, atFull);
		const opened = `open in ${open_s.toFixed(1)} s, ${bytes_per_order.toFixed(0)} bytes each`;
		return {
			lines: [
				`${orders.toLocaleString("en")} open orders: ${opened}`,
				...(["place", "depth", "cancel"] as const).flatMap((command) => [
					lineOf(command, "an empty book", atEmpty),
					lineOf(command, "the full one", atFull),
				]),
				showMachine(machine),
			],
			json: { orders, open_s, bytes_per_order, empty: atEmpty, full: atFull, ratios, machine },
			ok: open_s <= MAX_OPEN_S && bytes_per_order < MAX_BYTES_PER_ORDER && ratios.every((ratio) => ratio <= MAX_RATIO),
		};
	} finally {
		await sandbox.remove();
	}
}

/** None is lost that comes while nobody waits. */
type Messages = AsyncIterator<unknown[]>;

interface Instance {
	readonly opened: Opened;
	commands(count: number): Promise<Samples>;
}

async function openInstance(sandbox: Sandbox, orders: number): Promise<Instance> {
	const child = fork(INSTANCE, [String(orders)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
	sandbox.guard(child);
	const messages: Messages = on(child, "message", { close: ["exit"] });
	const bar = orders > 0 ? startBar(orders, "orders") : null;
	for (;;) {
		const told = await next(messages);
		if ("filled" in told) bar?.increment(told.filled);
		if (!("opened" in told)) continue;
		bar?.stop();
		return {
			opened: told.opened,
			async commands(count) {
				child.send(count);
				const answer = await next(messages);
				if (!("samples" in answer)) throw new Error("an instance has lost its place");
				return answer.samples;
			},
		};
	}
}

async function next(child: Messages): Promise<Exclude<Told, { readonly failed: string }>> {
	const { value, done } = await child.next();
	const told = done ? { failed: "it ended" } : (value[0] as Told);
	if ("failed" in told) throw new Error(`an instance has failed: ${told.failed}`);
	return told;
}

/** Neither is always the first, and the first rounds warm up. */
async function byTurns(empty: Instance, full: Instance): Promise<[Latencies, Latencies]> {
	const taken = new Map<Instance, Samples[]>([
		[empty, []],
		[full, []],
	]);
	for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
		for (const instance of round % 2 === 0 ? [empty, full] : [full, empty]) {
			const samples = await instance.commands(COMMANDS_A_ROUND);
			if (round >= WARM_UP_ROUNDS) taken.get(instance)?.push(samples);
		}
	}
	return [latenciesOf(taken.get(empty) ?? []), latenciesOf(taken.get(full) ?? [])];
}

function latenciesOf(rounds: readonly Samples[]): Latencies {
	const latency = (command: keyof Samples): Latency => {
		const percentile = percentilesOf(rounds.flatMap((samples) => samples[command]));
		return { p50_ms: percentile(0.5), p99_ms: percentile(0.99) };
	};
	return { place: latency("place"), depth: latency("depth"), cancel: latency("cancel") };
}

function ratiosOf(empty: Latencies, full: Latencies): number[] {
	return (["place", "cancel"] as const).flatMap((command) =>
		(["p50_ms", "p99_ms"] as const).map((percentile) => full[command][percentile] / empty[command][percentile]),
	);
}

function lineOf(command: keyof Samples, book: string, latencies: Latencies): string {
	const { p50_ms, p99_ms } = latencies[command];
	return `  ${command.padEnd(7)} with ${book.padEnd(14)} P50 ${p50_ms.toFixed(2)} ms   P99 ${p99_ms.toFixed(2)} ms`;
}
