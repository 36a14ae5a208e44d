import type { Page } from "../../contracts/common.ts";
import type { Envelope, EventQuery } from "../../contracts/events.ts";
import type { Db } from "../../lib/db.ts";
import { NUMBER_KEY, pageOf } from "../../lib/page.ts";
import { refuseFields } from "../../lib/refuse.ts";
import { readHistory } from "./events.store.ts";

const DEFAULT_LIMIT = 50;

/** A page of the history in the order of recording. */
export async function queryHistory(db: Db, query: EventQuery): Promise<Page<Envelope>> {
	const limit = query.limit ?? DEFAULT_LIMIT;
	const rows = await readHistory(db, {
		after: query.after === undefined ? "0" : positionOf(query.after),
		limit: limit + 1,
		type: query.type ?? null,
		aggregateId: query.aggregate_id ?? null,
		correlationId: query.correlation_id ?? null,
	});
	return pageOf(
		rows,
		limit,
		(row) => row.position,
		(row) => row.event,
	);
}

function positionOf(cursor: string): string {
	const position = Buffer.from(cursor, "base64url").toString();
	if (NUMBER_KEY.test(position) && Buffer.from(position).toString("base64url") === cursor) return position;
	const message = "The cursor is not one that a page of events gave";
	throw refuseFields([{ pointer: "/after", code: "INVALID_CURSOR", message }]);
}
