import type { Context } from "moleculer";
import type { AuditApi, AuditFilter, AuditRecord, ExportPage } from "../../contracts/audit.ts";
import type { Meta, Page, PageQuery } from "../../contracts/index.ts";
import { originOf } from "../../lib/caller.ts";
import type { Db } from "../../lib/db.ts";
import { NUMBER_KEY, pageOf, positionOf } from "../../lib/page.ts";
import { refuseFields } from "../../lib/refuse.ts";
import { type Audit, recordUse } from "./audit.commands.ts";
import { readEnds, recordOf, selectRecords } from "./audit.store.ts";
import { csvOf, ndjsonOf } from "./export-text.ts";

/** A page stays under the 1 MiB of the cluster's messages even if every record is as long as one can be. */
const EXPORT_PAGE = 200;

/** What an export's cursor holds: the last record that was given, and the last one that is to be. */
const EXPORT_KEY = /^\d{1,15}-\d{1,15}$/;

/** A page of the records that agree with a filter, newest first. */
export async function listRecords(db: Db, query: PageQuery & AuditFilter): Promise<Page<AuditRecord>> {
	const { limit, after } = positionOf(query, NUMBER_KEY);
	const filter = filterOf(query);
	const before = after === null ? null : Number(after);
	const rows = await selectRecords(db, { filter, after: null, before, order: "DESC", limit: limit + 1 });
	return pageOf(rows, limit, (row) => String(row.seq), recordOf);
}

/** A piece of an export. That somebody wants one is recorded first, and is the last record of it. */
export async function exportRecords(
	audit: Audit,
	ctx: Context<Parameters<AuditApi["export"]>[0], Meta>,
): Promise<ExportPage> {
	const { format = "ndjson", cursor, ...query } = ctx.params;
	const filter = filterOf(query);
	const begins = cursor === undefined;
	if (begins) {
		const details = { format, ...filter };
		await recordUse(audit, { action: "audit.export", result: "ok", details }, originOf(ctx));
	}
	const { after, upTo } = begins ? { after: 0, upTo: (await readEnds(audit.db)).seq } : exportPlaceOf(cursor);
	const rows = await selectRecords(audit.db, {
		filter,
		after,
		before: upTo + 1,
		order: "ASC",
		limit: EXPORT_PAGE + 1,
	});
	const { items, next_cursor } = pageOf(rows, EXPORT_PAGE, (row) => `${row.seq}-${upTo}`, recordOf);
	return { text: format === "csv" ? csvOf(items, begins) : ndjsonOf(items), next_cursor };
}

function exportPlaceOf(cursor: string): { after: number; upTo: number } {
	const [after, upTo] = (positionOf({ cursor }, EXPORT_KEY).after ?? "").split("-").map(Number);
	return { after: after as number, upTo: upTo as number };
}

/** The filter of a query, with times as the database takes them. */
function filterOf({ limit: _l, cursor: _c, since, until, ...equal }: AuditFilter & PageQuery): AuditFilter {
	return {
		...equal,
		...(since !== undefined && { since: timeOf("since", since) }),
		...(until !== undefined && { until: timeOf("until", until) }),
	};
}

function timeOf(name: string, text: string): string {
	const time = new Date(text);
	if (!Number.isNaN(time.getTime())) return time.toISOString();
	throw refuseFields([
		{ pointer: `/${name}`, code: "INVALID_FORMAT", message: `${name} must be a time that there is` },
	]);
}
