import { setTimeout as delay } from "node:timers/promises";
import type { Revocations } from "../../../contracts/auth.ts";
import { revocations } from "../../../services/api/revocations.ts";

type Answer = Partial<Revocations> & Pick<Revocations, "as_of">;

function told(answers: (Answer | Error)[], rememberMs = 60_000) {
	const asked: (string | null)[] = [];
	const ended = revocations(async ({ since, cursor }) => {
		asked.push(cursor ?? since);
		const answer = answers.shift() ?? { as_of: "later" };
		if (answer instanceof Error) throw answer;
		return { session_ids: [], key_ids: [], signing_key_ids: [], next_cursor: null, ...answer };
	}, rememberMs);
	return { ended, asked };
}

test("the first question waits until what ended is known", async () => {
	const { ended, asked } = told([{ session_ids: ["a"], as_of: "t1" }]);
	expect(await Promise.all([ended.has("a"), ended.has("b")])).toEqual([true, false]);
	expect(asked).toEqual([null]);
});

test("nobody passes before it is known", async () => {
	const { ended } = told([new Error("auth is away"), { session_ids: ["a"], as_of: "t1" }]);
	await expect(ended.has("b")).rejects.toThrow("auth is away");
	expect(await ended.has("a")).toBe(true);
});

test("later answers add to earlier ones, asked from where those ended", async () => {
	const { ended, asked } = told([
		{ session_ids: ["a"], as_of: "t1" },
		{ session_ids: ["a", "b"], as_of: "t2" },
	]);
	await ended.update();
	await ended.update();
	await ended.update();
	expect(asked).toEqual([null, "t1", "t2"]);
	expect([ended.has("a"), ended.has("b"), ended.has("c")]).toEqual([true, true, false]);
});

test("nobody passes before the last page is known, and a page that is missed is asked for again", async () => {
	const { ended, asked } = told([
		{ session_ids: ["a"], as_of: "t1", next_cursor: "page 2" },
		new Error("auth is away"),
		{ session_ids: ["a"], as_of: "t2", next_cursor: "page 2" },
		{ session_ids: ["b"], as_of: "t2" },
	]);
	await expect(ended.has("b")).rejects.toThrow("auth is away");
	expect(await Promise.all([ended.has("a"), ended.has("b"), ended.has("c")])).toEqual([true, true, false]);
	await ended.update();
	expect(asked).toEqual([null, "page 2", null, "page 2", "t2"]);
});

test("what is known stays known while nobody can be asked", async () => {
	const { ended } = told([{ session_ids: ["a"], as_of: "t1" }, new Error("auth is away")]);
	await ended.update();
	await expect(ended.update()).rejects.toThrow();
	expect([ended.has("a"), ended.has("b")]).toEqual([true, false]);
});

test("a session is forgotten once no access token of its can be alive", async () => {
	const { ended } = told([{ session_ids: ["a"], as_of: "t1" }], 50);
	await ended.update();
	expect(ended.has("a")).toBe(true);
	await delay(60);
	await ended.update();
	expect(ended.has("a")).toBe(false);
});

test("keys end like sessions", async () => {
	const { ended } = told([{ session_ids: ["a"], key_ids: ["k"], as_of: "t1" }]);
	await ended.update();
	expect([ended.has("a"), ended.has("k"), ended.has("l")]).toEqual([true, true, false]);
});

test("what ends a second time is remembered from then on, and does not hold up the forgetting of others", async () => {
	const { ended } = told(
		[
			{ key_ids: ["k", "l"], as_of: "t1" },
			{ key_ids: ["k"], as_of: "t2" },
		],
		1_000,
	);
	await ended.update();
	await delay(550);
	await ended.update();
	await delay(550);
	await ended.update();
	expect([ended.has("k"), ended.has("l")]).toEqual([true, false]);
});
