import fc from "fast-check";
import { batcher } from "../../lib/batch.ts";
import { isRefusal } from "../../lib/refuse.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A batcher that doubles numbers, and the batches that it made of them. */
function doubler(options: { maxBatch?: number; maxQueue?: number; before?: () => Promise<void> } = {}) {
	const batches: number[][] = [];
	const running = { now: 0, most: 0 };
	const numbers = batcher<number, number>({
		maxBatch: options.maxBatch ?? 10,
		maxQueue: options.maxQueue ?? 1_000,
		async run(items) {
			running.most = Math.max(running.most, ++running.now);
			batches.push([...items]);
			await options.before?.();
			running.now--;
			return items.map((item) => item * 2);
		},
	});
	return { numbers, batches, running };
}

test("what arrives in one turn goes together, up to the batch's size", async () => {
	const { numbers, batches } = doubler({ maxBatch: 3 });
	expect(await Promise.all([1, 2, 3, 4].map((n) => numbers.add(n)))).toEqual([2, 4, 6, 8]);
	expect(batches).toEqual([[1, 2, 3], [4]]);
});

test("what arrives while a batch runs waits and goes together into the next", async () => {
	const { numbers, batches, running } = doubler({ before: turn });
	const first = numbers.add(1);
	await turn();
	const rest = [2, 3].map((n) => numbers.add(n));
	expect(await Promise.all([first, ...rest])).toEqual([2, 4, 6]);
	expect(batches).toEqual([[1], [2, 3]]);
	expect(running.most).toBe(1);
});

test("after a busy run the next one waits for those that are on their way", async () => {
	const { numbers, batches } = doubler({ maxBatch: 20, before: () => new Promise((done) => setTimeout(done, 10)) });
	const many = Array.from({ length: 8 }, (_, n) => n);
	await Promise.all(many.map((n) => numbers.add(n)));
	const first = numbers.add(8);
	await turn();
	await Promise.all([first, numbers.add(9)]);
	expect(batches).toEqual([many, [8, 9]]);
});

test("an item can fail alone", async () => {
	const numbers = batcher<number, number>({
		maxBatch: 10,
		maxQueue: 10,
		run: async (items) => items.map((item) => (item < 0 ? new Error(`${item} is negative`) : item)),
	});
	const results = await Promise.allSettled([1, -2, 3].map((n) => numbers.add(n)));
	expect(results.map((result) => (result.status === "fulfilled" ? result.value : result.reason.message))).toEqual([
		1,
		"-2 is negative",
		3,
	]);
});

test.each([
	["rejects", () => Promise.reject(new Error("no database"))],
	[
		"throws",
		() => {
			throw new Error("no database");
		},
	],
])("a run that %s fails its items, and the next run is as any", async (_, fail) => {
	let broken = true;
	const numbers = batcher<number, number>({
		maxBatch: 2,
		maxQueue: 10,
		run: (items) => (broken ? fail() : Promise.resolve([...items])),
	});
	const failed = await Promise.allSettled([1, 2, 3].map((n) => numbers.add(n)));
	expect(failed.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
	broken = false;
	expect(await numbers.add(4)).toBe(4);
});

test("a run that gives too few results fails its items", async () => {
	const numbers = batcher<number, number>({ maxBatch: 2, maxQueue: 10, run: async () => [1] });
	await expect(Promise.all([1, 2].map((n) => numbers.add(n)))).rejects.toThrow("one result per item");
});

test("beyond the queue's limit items are refused, and room comes back", async () => {
	const { numbers } = doubler({ maxBatch: 2, maxQueue: 3 });
	const results = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => numbers.add(n)));
	expect(results.map((result) => result.status)).toEqual([
		"fulfilled",
		"fulfilled",
		"fulfilled",
		"rejected",
		"rejected",
	]);
	expect(
		results.every((result) => result.status === "fulfilled" || isRefusal(result.reason, "CAPACITY_EXCEEDED")),
	).toBe(true);
	expect(await numbers.add(6)).toBe(12);
});

test("it is drained when all that was added is answered", async () => {
	const { numbers, batches } = doubler({ maxBatch: 1, before: turn });
	await numbers.drained();
	const answers = [1, 2, 3].map((n) => numbers.add(n));
	await numbers.drained();
	expect(batches).toHaveLength(3);
	expect(await Promise.all(answers)).toEqual([2, 4, 6]);
});

test("whenever items arrive, each gets its own answer, in order, in batches of the size allowed", async () => {
	const bursts = fc.array(fc.nat({ max: 8 }), { maxLength: 12 });
	await fc.assert(
		fc.asyncProperty(bursts, fc.integer({ min: 1, max: 5 }), async (sizes, maxBatch) => {
			const { numbers, batches, running } = doubler({ maxBatch, before: turn });
			const answers: Promise<number>[] = [];
			for (const size of sizes) {
				for (let i = 0; i < size; i++) answers.push(numbers.add(answers.length));
				await turn();
			}
			expect(await Promise.all(answers)).toEqual(answers.map((_, i) => i * 2));
			expect(batches.flat()).toEqual(answers.map((_, i) => i));
			expect(batches.every((batch) => batch.length <= maxBatch && batch.length > 0)).toBe(true);
			expect(running.most).toBeLessThanOrEqual(1);
		}),
		{ numRuns: 50 },
	);
});
