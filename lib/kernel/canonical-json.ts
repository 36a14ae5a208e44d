/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The one text of `value` that RFC 8785 (JSON Canonicalization Scheme) allows: keys sorted, no spaces. */
export function canonicalJson(value: Json): string {
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
	const members = Object.keys(value).sort();
	return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`).join(",")}}`;
}

function isList(value: object): value is readonly Json[] {
	return Array.isArray(value);
}
