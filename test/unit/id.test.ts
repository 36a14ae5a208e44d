import { validate, version } from "uuid";
import { newId } from "../../lib/id.ts";

test("ids are unique, of version 7, and sort in the order in which they were made", () => {
	const ids = Array.from({ length: 20_000 }, newId);
	expect(new Set(ids).size).toBe(ids.length);
	expect(ids.toSorted()).toEqual(ids);
	for (const id of ids.slice(0, 1_000)) expect([validate(id), version(id)]).toEqual([true, 7]);
});

test("an id tells when it was made", () => {
	const before = Date.now();
	const made = Number.parseInt(newId().replaceAll("-", "").slice(0, 12), 16);
	expect(made).toBeGreaterThanOrEqual(before);
	expect(made).toBeLessThanOrEqual(Date.now());
});
