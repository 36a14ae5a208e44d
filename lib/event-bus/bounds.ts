/** Large enough that what is done once for all of them does not matter, small enough to be cheap to do again. */
export const MAX_EVENTS = 500;

/** Events may be large: no more than so many bytes of them, and one event, are held at once. */
export const MAX_BYTES = 16 * 1_024 * 1_024;

/**
 * In SQL: the first of `rows`, a SELECT, by `order`, with no more than `maxBytes` of text in their json `column`, and
 * one row at least; `up_to` counts the bytes up to each.
 */
export function firstBytes(rows: string, column: string, order: string, maxBytes = MAX_BYTES): string {
	// A text that is kept as it came need not be read to know how long it is.
	return `(
		SELECT * FROM (
			SELECT r.*, size, sum(size) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) AS up_to
			FROM (${rows}) r, LATERAL (
				SELECT CASE WHEN pg_column_compression(${column}) IS NULL THEN pg_column_size(${column})
					ELSE octet_length(${column}::text) END AS size
			) s
		) measured
		WHERE up_to - size < ${maxBytes}
	)`;
}
