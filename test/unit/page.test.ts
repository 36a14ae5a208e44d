import { cursorOf, pageOf } from "../../lib/page.ts";

const rows = (count: number, length: number) =>
	Array.from({ length: count }, (_, i) => ({ key: String(i), text: "x".repeat(length) }));
const pageOfRows = (all: readonly { readonly key: string; readonly text: string }[], limit: number) =>
	pageOf(
		all,
		limit,
		(row) => row.key,
		(row) => row,
	);

test("a page has as many items as asked for, and a cursor while there are more", () => {
	const page = pageOfRows(rows(4, 10), 3);
	expect(page.items.map(({ key }) => key)).toEqual(["0", "1", "2"]);
	expect(page.next_cursor).toBe(cursorOf("2"));
	expect(pageOfRows(rows(3, 10), 3)).toMatchObject({ next_cursor: null });
	expect(pageOfRows([], 3)).toEqual({ items: [], next_cursor: null });
});

test("a page fits into a message of the cluster, and goes on behind what did not", () => {
	const page = pageOfRows(rows(500, 2_500), 500);
	expect(page.items.length).toBeGreaterThan(300);
	expect(JSON.stringify(page).length).toBeLessThan(2 ** 20);
	expect(page.next_cursor).toBe(cursorOf(String(page.items.length - 1)));
});

test("an item that is too long for any page comes alone", () => {
	const page = pageOfRows(rows(2, 1_000_000), 2);
	expect(page.items).toHaveLength(1);
	expect(page.next_cursor).toBe(cursorOf("0"));
});
