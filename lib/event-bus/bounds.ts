/** Large enough that what is done once for all of them does not matter, small enough to be cheap to do again. */
export const MAX_EVENTS = 500;

/** Events may be large: no more than so many bytes of them, and one event, are held at once. */
export const MAX_BYTES = 16 * 1_024 * 1_024;

/** In SQL: how long the text in the json column is. One that is kept as it came need not be read for that. */
export function bytesOf(column: string): string {
	return `CASE WHEN pg_column_compression(${column}) IS NULL THEN pg_column_size(${column})
		ELSE octet_length(${column}::text) END`;
}
