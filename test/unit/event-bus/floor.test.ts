import { type Floor, nextFloor, type Sight } from "../../../lib/event-bus/floor.ts";
import type { Receipt } from "../../../lib/event-bus/transport.ts";

const receiptOf = (sequence: number, store = "s"): Receipt => ({ store, sequence, event_id: `e${sequence}` });
const handledBy = (...places: string[]) => new Map(places.map((place) => [place, true]));
const NOBODY = new Map<string, boolean>();

function sightOf(floor: Partial<Floor> = {}, told: string | null = "20", writers: readonly string[] = []): Sight {
	return { floor: { position: "10", places: ["a", "b"], checkpoint: null, ...floor }, told, writers };
}

const READY = { position: "15", writers: [], receipt: receiptOf(150) };

test("what was told since is to become the floor next, once the transport has accepted it", () => {
	expect(nextFloor(sightOf(), receiptOf(7), handledBy("a", "b"), [])).toEqual({
		position: "10",
		places: ["a", "b"],
		checkpoint: { position: "20", writers: [], receipt: receiptOf(7) },
	});
});

test("while somebody may still commit an event before it, nobody can say when all have been accepted", () => {
	const chosen = nextFloor(sightOf({}, "20", ["3/1", "4/7"]), receiptOf(7), NOBODY, []);
	expect(chosen.checkpoint).toEqual({ position: "20", writers: ["3/1", "4/7"], receipt: null });
	const later = nextFloor(sightOf(chosen, "22", ["4/7"]), receiptOf(8), NOBODY, []);
	expect(later.checkpoint).toEqual(chosen.checkpoint);
	// The one that writes now has begun later: whatever it tells comes after.
	const atLast = nextFloor(sightOf(later, "25", ["3/2"]), receiptOf(9), NOBODY, []);
	expect(atLast.checkpoint).toEqual({ position: "20", writers: ["3/1", "4/7"], receipt: receiptOf(9) });
});

test("the floor moves when all have handled what was chosen, and the next is chosen at once", () => {
	expect(nextFloor(sightOf({ checkpoint: READY }), receiptOf(200), handledBy("a", "b"), ["a"])).toEqual({
		position: "15",
		places: ["a", "b"],
		checkpoint: { position: "20", writers: [], receipt: receiptOf(200) },
	});
});

test.each([
	["somebody has not handled it", new Map([...handledBy("a"), ["b", false]]), []],
	["a place is missing", handledBy("a"), []],
	["somebody who is to get events was never there", handledBy("a", "b"), ["a", "c"]],
	["nobody is there", NOBODY, []],
] as const)("the floor stays while %s", (_why, handled, audience) => {
	const stays = { position: "10", places: ["a", "b"], checkpoint: READY };
	expect(nextFloor(sightOf({ checkpoint: READY }), receiptOf(200), handled, audience)).toEqual(stays);
});

test("nobody at all has handled everything", () => {
	const sight = sightOf({ position: null, places: [], checkpoint: READY });
	expect(nextFloor(sight, receiptOf(200), NOBODY, []).position).toBeNull();
});

test("with a place that was never seen there is no floor, until that has handled all too", () => {
	const behind = new Map([...handledBy("a", "b"), ["new", false]]);
	const without = nextFloor(sightOf({ checkpoint: READY }), receiptOf(200), behind, []);
	expect(without).toEqual({ position: null, places: ["a", "b", "new"], checkpoint: READY });
	expect(nextFloor(sightOf(without), receiptOf(201), handledBy("a", "b", "new"), []).position).toBe("15");
});

test("what was counted in a store that is lost counts no more, and the floor stays", () => {
	const next = nextFloor(sightOf({ checkpoint: READY }), receiptOf(3, "another"), handledBy("a", "b"), []);
	expect(next).toMatchObject({ position: "10", checkpoint: { position: "20", receipt: receiptOf(3, "another") } });
});

test.each([
	["nothing is kept", null],
	["nothing was told since", "10"],
	["the later ones are not kept", "9"],
])("nothing is to become the floor when %s", (_why, told) => {
	expect(nextFloor(sightOf({}, told), receiptOf(7), handledBy("a", "b"), []).checkpoint).toBeNull();
});

test("positions are compared as numbers", () => {
	const sight = sightOf({ position: "9007199254740993" }, "10000000000000000");
	expect(nextFloor(sight, receiptOf(7), NOBODY, []).checkpoint).toMatchObject({ position: "10000000000000000" });
});
