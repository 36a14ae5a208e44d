import { recent } from "../../../services/api/recent.ts";

const [a, b, c] = [{ is: "a" }, { is: "b" }, { is: "c" }];

test("beyond the most that is remembered the one unused longest makes room", () => {
	const values = recent<object>(2);
	values.set("a", a);
	values.set("b", b);
	expect(values.get("a")).toBe(a);
	values.set("c", c);
	expect([values.get("a"), values.get("b"), values.get("c")]).toEqual([a, undefined, c]);
});

test("what is set again takes the place of what it was, and nobody else's", () => {
	const values = recent<object>(2);
	values.set("a", a);
	values.set("b", b);
	values.set("a", c);
	expect([values.get("a"), values.get("b")]).toEqual([c, b]);
	values.delete("a");
	expect(values.get("a")).toBeUndefined();
});
