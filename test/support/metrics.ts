import { freePort } from "./free-port.ts";

/** What a node shows to Prometheus. */
export interface Scrape {
	/** All of it. */
	text(): Promise<string>;
	/** The sum of a metric's series that have these labels; NaN while there is none. */
	value(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/** Lets the next node show its metrics on a port of its own; `undo` takes that back. */
export async function showMetrics(): Promise<Scrape & { undo(): void }> {
	const port = await freePort();
	process.env["METRICS_PORT"] = String(port);
	const text = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
	return {
		text,
		async value(name, labels = {}) {
			const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
			const series = (await text())
				.split("\n")
				.filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)));
			if (series.length === 0) return Number.NaN;
			return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
		},
		undo: () => delete process.env["METRICS_PORT"],
	};
}
