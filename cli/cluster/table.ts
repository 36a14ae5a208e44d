import Table from "cli-table3";
import type { Member } from "./crew.ts";

const LINES = [
	"top",
	"top-mid",
	"top-left",
	"top-right",
	"bottom",
	"bottom-mid",
	"bottom-left",
	"bottom-right",
] as const;
const MORE_LINES = ["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"] as const;
const NO_LINES = Object.fromEntries([...LINES, ...MORE_LINES].map((line) => [line, ""]));

/** A table of the processes: what runs where. */
export function showMembers(members: readonly Member[]): string {
	const withMetrics = members.some(({ metricsPort }) => metricsPort !== null);
	const table = new Table({
		head: ["process", "state", "pid", "restarts", "address", ...(withMetrics ? ["metrics port"] : [])],
		chars: NO_LINES,
		style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
	});
	for (const { name, state, pid, restarts, url, metricsPort } of members) {
		table.push([name, state, pid ?? "", restarts, url ?? "", ...(withMetrics ? [metricsPort ?? ""] : [])]);
	}
	return table
		.toString()
		.split("\n")
		.map((line) => `  ${line}`.trimEnd())
		.join("\n");
}
