import type { Page } from "../contracts/common.ts";
import { refuseFields } from "./refuse.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const MAX_CURSOR_LENGTH = 200;
/** Nodes send each other messages of up to 1 MiB: a longer answer would be lost. */
const MAX_PAGE_BYTES = 900_000;

/** The rules for `limit` and `cursor` of every list. */
export const pageRules = {
	limit: { type: "number", integer: true, min: 1, max: MAX_LIMIT, optional: true },
	cursor: { type: "string", min: 1, max: MAX_CURSOR_LENGTH, optional: true },
} as const;

interface Position {
	readonly limit: number;
	/** The key of the last item of the page before, or null for the first page. */
	readonly after: string | null;
}

/** Where a page begins; refuses a cursor that does not hold a key like `pattern`. */
export function positionOf(query: { readonly limit?: number; readonly cursor?: string }, pattern: RegExp): Position {
	const limit = query.limit ?? DEFAULT_LIMIT;
	if (query.cursor === undefined) return { limit, after: null };
	const after = Buffer.from(query.cursor, "base64url").toString();
	if (!pattern.test(after) || cursorOf(after) !== query.cursor)
		throw refuseFields([
			{ pointer: "/cursor", code: "INVALID_CURSOR", message: "The cursor is not one that a list gave" },
		]);
	return { limit, after };
}

/**
 * A page of `rows`, read with `limit + 1` so that one more tells of a next page. It has fewer than `limit` items when
 * more would not fit into a message.
 */
export function pageOf<Row, T>(
	rows: readonly Row[],
	limit: number,
	keyOf: (row: Row) => string,
	show: (row: Row) => T,
): Page<T> {
	const items: T[] = [];
	let bytes = 0;
	for (const row of rows.slice(0, limit)) {
		const item = show(row);
		bytes += Buffer.byteLength(JSON.stringify(item));
		if (bytes > MAX_PAGE_BYTES && items.length > 0) break;
		items.push(item);
	}
	const last = rows[items.length - 1];
	return { items, next_cursor: rows.length > items.length && last !== undefined ? cursorOf(keyOf(last)) : null };
}

/** The cursor that stands for `key`. */
export function cursorOf(key: string): string {
	return Buffer.from(key).toString("base64url");
}

export const UUID_KEY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const NUMBER_KEY = /^\d{1,18}$/;
