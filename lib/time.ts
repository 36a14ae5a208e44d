const RFC_3339_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$/;

interface Finding {
	readonly type: string;
}

/**
 * The rule for an optional point in time: RFC 3339 in UTC, of a day that there is. A new one for each parameter, since
 * the validator would take two that share a rule for the same one.
 */
export function timestampRule() {
	return {
		type: "string",
		optional: true,
		custom(value: unknown, errors: Finding[]) {
			if (typeof value === "string" && !isTimestamp(value)) errors.push({ type: "timestamp" });
			return value;
		},
		messages: { timestamp: "The time must be as in 2026-01-02T03:04:05Z" },
	} as const;
}

function isTimestamp(text: string): boolean {
	const time = RFC_3339_UTC.test(text) ? Date.parse(text) : Number.NaN;
	// A 30 February would be read as 2 March.
	return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 19) === text.slice(0, 19);
}
