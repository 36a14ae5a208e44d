import { stringify } from "csv-stringify/sync";
import type { AuditRecord } from "../../contracts/audit.ts";

const COLUMNS = [
	"seq",
	"time",
	"user_id",
	"action",
	"object",
	"ip",
	"result",
	"request_id",
	"event_id",
	"data_hash",
	"details",
	"hash",
] as const satisfies readonly (keyof AuditRecord)[];

/** A JSON object a line, each as `audit.query` gives it. */
export function ndjsonOf(records: readonly AuditRecord[]): string {
	return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

/**
 * Lines as RFC 4180 has them, at first those of the `header`. A field that a spreadsheet would take for a formula has
 * an apostrophe before it: https://owasp.org/www-community/attacks/CSV_Injection.
 */
export function csvOf(records: readonly AuditRecord[], header: boolean): string {
	return stringify([...records], {
		columns: [...COLUMNS],
		header,
		record_delimiter: "windows",
		// Also where they stand alone: to many readers each of the two ends a line.
		quote_record_delimiter: true,
		escape_formulas: true,
	});
}
