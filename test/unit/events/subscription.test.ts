import { inRuns } from "../../../services/events/domain/subscription.ts";

const MAX_BYTES = 10;
const runsOf = (texts: readonly string[], maxEvents = 100) =>
	inRuns(texts, (text) => text, maxEvents, MAX_BYTES).map(({ events }) => events);

test.each([
	["ASCII", ["aaaaa", "bbbbb", "c"], [["aaaaa", "bbbbb"], ["c"]]],
	["text that takes more bytes than characters", ["äää", "ööö"], [["äää"], ["ööö"]]],
	["characters beyond the first plane", ["🙂🙂", "🙃"], [["🙂🙂"], ["🙃"]]],
	["an event that is too long by itself", ["a", "b".repeat(20), "c"], [["a"], ["b".repeat(20)], ["c"]]],
])("a run has no more bytes than it may: %s", (_what, texts, runs) => {
	expect(runsOf(texts)).toEqual(runs);
});

test("a run has no more events than it may", () => {
	expect(runsOf(["a", "b", "c"], 2)).toEqual([["a", "b"], ["c"]]);
});
