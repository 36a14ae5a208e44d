import { setImmediate as turn } from "node:timers/promises";
import { startLanes } from "../../../services/orders/lanes.ts";
import { type Rounds, startRounds } from "../../../services/orders/rounds.ts";

/** No round begins by itself while a test runs. */
const NEVER_MS = 3_600_000;

let rounds: Rounds;
let begun: string[] = [];
let release: () => void;
let held: Promise<void>;
beforeEach(() => {
	begun = [];
	hold();
});
afterEach(async () => {
	release();
	await rounds.stop();
});

function hold(): void {
	held = new Promise((resolve) => (release = resolve));
}

/** What has to begin without a timer has begun by then. */
async function settled(): Promise<void> {
	for (let i = 0; i < 20; i++) await turn();
}

const fail = (error: unknown) => {
	throw error;
};

function startHeldRounds(): void {
	rounds = startRounds({
		everyMs: NEVER_MS,
		round: () => {
			begun.push("round");
			return held;
		},
		onError: fail,
	});
}

test("any number of kicks during a round lead to one more after it", async () => {
	startHeldRounds();
	for (let i = 0; i < 5; i++) rounds.kick();
	await settled();
	expect(begun).toHaveLength(1);
	release();
	await settled();
	expect(begun).toHaveLength(2);
});

test("a kick during the last round before a stop leads to no other", async () => {
	startHeldRounds();
	rounds.kick();
	rounds.kick();
	const stopped = rounds.stop();
	release();
	await stopped;
	await settled();
	expect(begun).toHaveLength(1);
});

test("a lane that was kicked while it ran runs again, and one that stands holds up no other", async () => {
	const due = new Map([
		["SLOW", ["s1"]],
		["FAST", ["f1"]],
	]);
	rounds = startLanes<string>({
		everyMs: NEVER_MS,
		atOnce: 10,
		maxLanes: 10,
		symbols: async () => [...due.keys()],
		page: async (symbol, after) => (after === undefined ? (due.get(symbol) ?? []) : []),
		work: (one) => {
			begun.push(one);
			return one.startsWith("s") ? held : Promise.resolve();
		},
		onError: fail,
	});
	rounds.kick();
	await settled();
	expect(begun).toEqual(["s1", "f1"]);
	due.set("SLOW", ["s2"]);
	due.set("FAST", ["f2"]);
	rounds.kick();
	await settled();
	expect(begun).toEqual(["s1", "f1", "f2"]);
	release();
	await settled();
	expect(begun.slice(0, 3)).toEqual(["s1", "f1", "f2"]);
	expect(begun).toContain("s2");
});
