import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Report } from "../cli/programs.ts";
import { type Command, commandsOf, MIXES, type Mix } from "./engine/commands.ts";
import { type Engine, ourEngine, theirEngine } from "./engine/engines.ts";
import { describeMachine, showMachine } from "./machine.ts";
import { medianOf, percentilesOf } from "./statistics.ts";

export const summary = "the matching engine beside the npm package nodejs-order-book, on the same commands";

const ROUNDS = 5;
const SEED = 20_240_229;
const LEAST_RATIO = 5;
const MOST_OF_THEIR_P99 = 1 / 3;

interface Figures {
	readonly per_second: number;
	readonly p50_us: number;
	readonly p99_us: number;
}

interface MixResult {
	readonly mix: string;
	readonly commands: number;
	readonly trades: number;
	readonly lots: number;
	readonly engine: Figures;
	readonly nodejs_order_book: Figures;
	readonly ratio: number;
	readonly p99_ratio: number;
}

setFlagsFromString("--expose-gc");
/** Neither book pays for what the other one left behind. */
const collectGarbage = runInNewContext("gc") as () => void;

type Inputs = ReturnType<typeof commandsOf>;

/** Runs every mix through both books; ok when ours is as much faster as it has to be. */
export async function run(): Promise<Report> {
	const mixes = MIXES.map(measure);
	const ok = mixes.every(({ ratio, p99_ratio }) => ratio >= LEAST_RATIO && p99_ratio <= MOST_OF_THEIR_P99);
	const machine = await describeMachine({ sandbox: false });
	return {
		lines: [...mixes.flatMap(linesOf), showMachine(machine)],
		json: { seed: SEED, rounds: ROUNDS, ok, mixes, machine },
		ok,
	};
}

function measure(mix: Mix): MixResult {
	const inputs = commandsOf(mix, SEED);
	const { trades, lots } = assertSame(inputs);
	const rounds = { ours: [] as Figures[], theirs: [] as Figures[] };
	// The first round warms up.
	for (let round = 0; round <= ROUNDS; round++) {
		const [ours, theirs] = [timed(ourEngine, inputs), timed(theirEngine, inputs)];
		if (round === 0) continue;
		rounds.ours.push(ours);
		rounds.theirs.push(theirs);
	}
	const [engine, other] = [medians(rounds.ours), medians(rounds.theirs)];
	return {
		mix: mix.name,
		commands: mix.commands,
		trades,
		lots,
		engine,
		nodejs_order_book: other,
		ratio: engine.per_second / other.per_second,
		p99_ratio: engine.p99_us / other.p99_us,
	};
}

/** Both books must trade the same on every command, and be the same in the end. */
function assertSame({ before, measured }: Inputs): { readonly trades: number; readonly lots: number } {
	const [ours, theirs] = [ourEngine(), theirEngine()];
	let [trades, lots] = [0, 0];
	for (const command of [...before, ...measured]) {
		const traded = ours.tradedBy(command, ours.execute(command));
		assert.deepEqual(theirs.tradedBy(command, theirs.execute(command)), traded, `on ${JSON.stringify(command)}`);
		trades += traded.trades;
		lots += traded.lots;
	}
	assert.deepEqual(theirs.levels(), ours.levels());
	return { trades, lots };
}

/** Once through all commands for their rate, and once with a clock around each. */
function timed<Result>(engineOf: () => Engine<Result>, inputs: Inputs): Figures {
	const { measured } = inputs;
	const engine = filled(engineOf, inputs);
	const began = performance.now();
	for (const command of measured) engine.execute(command);
	const seconds = (performance.now() - began) / 1_000;
	const percentile = percentilesOf(latencies(filled(engineOf, inputs), measured));
	return { per_second: measured.length / seconds, p50_us: percentile(0.5), p99_us: percentile(0.99) };
}

function filled<Result>(engineOf: () => Engine<Result>, { before }: Inputs): Engine<Result> {
	const engine = engineOf();
	for (const command of before) engine.execute(command);
	collectGarbage();
	return engine;
}

/** How long each command took in us. */
function latencies<Result>(engine: Engine<Result>, commands: readonly Command[]): Float64Array {
	const taken = new Float64Array(commands.length);
	commands.forEach((command, i) => {
		const began = performance.now();
		engine.execute(command);
		taken[i] = (performance.now() - began) * 1_000;
	});
	return taken;
}

function medians(rounds: readonly Figures[]): Figures {
	const median = (pick: (figures: Figures) => number) => medianOf(rounds.map(pick));
	return {
		per_second: median((figures) => figures.per_second),
		p50_us: median((figures) => figures.p50_us),
		p99_us: median((figures) => figures.p99_us),
	};
}

function linesOf(result: MixResult): string[] {
	const line = (name: string, { per_second, p50_us, p99_us }: Figures) =>
		`  ${name.padEnd(18)} ${Math.round(per_second).toLocaleString("en").padStart(10)} commands/s` +
		`   P50 ${p50_us.toFixed(2)} us   P99 ${p99_us.toFixed(2)} us`;
	return [
		`${result.mix}: ${result.commands} commands, ${result.trades} trades, the same in both`,
		line("engine", result.engine),
		line("nodejs-order-book", result.nodejs_order_book),
		`  ratio ${result.ratio.toFixed(1)}, P99 ${(result.p99_ratio * 100).toFixed(0)} % of theirs`,
	];
}
