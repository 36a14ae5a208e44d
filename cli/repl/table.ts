import Table from "cli-table3";

/** Prints rows under their heads; says `nothing` when there are none. Columns named in `right` are set to the right. */
export function printTable(
	head: readonly string[],
	rows: readonly (readonly (string | number)[])[],
	{ nothing, right = [] }: { readonly nothing: string; readonly right?: readonly string[] },
): void {
	if (rows.length === 0) return console.log(nothing);
	const table = new Table({
		head: [...head],
		colAligns: head.map((name) => (right.includes(name) ? "right" : "left")),
		// Colours are for a terminal, and this may print to a pipe.
		style: { head: [], border: [], compact: true },
	});
	for (const row of rows) table.push(row.map(String));
	console.log(table.toString());
}
