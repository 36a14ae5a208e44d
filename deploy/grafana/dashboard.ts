/** Grafana's own names of units. */
type Unit = "short" | "none" | "reqps" | "ops" | "percentunit" | "s" | "ms" | "bytes" | "bool_on_off" | "dateTimeAsIso";

/** A query, and what its series are called: `{{label}}` stands for a label's value. */
interface Query {
	readonly expr: string;
	readonly legend?: string;
}

/** What one panel shows. */
export interface Panel {
	readonly title: string;
	/** What is to be seen, and what would be wrong. */
	readonly description: string;
	readonly unit: Unit;
	readonly queries: readonly Query[];
	/** Its last value as a number, rather than its course. */
	readonly stat?: true;
	readonly stacked?: true;
	/** From where on it is a warning, and from where on wrong; `down` when small is bad. */
	readonly limits?: { readonly warning?: number; readonly wrong: number; readonly down?: true };
}

/** A dashboard: its panels from left to right, row by row. */
export interface Dashboard {
	readonly name: string;
	readonly title: string;
	readonly description: string;
	/** A label that can be chosen from the values that `metric` has of it, as `$label`. */
	readonly variable?: { readonly label: string; readonly metric: string };
	readonly panels: readonly Panel[];
}

/** As `monitoring/grafana/provisioning/datasources` has it. */
const DATASOURCE = { type: "prometheus", uid: "prometheus" };

/** The format of Grafana 11, which later ones read. */
const SCHEMA_VERSION = 39;

const GRID_WIDTH = 24;
const STAT = { w: 4, h: 4 };
const GRAPH = { w: 12, h: 8 };

/** The dashboard as Grafana keeps it. */
export function dashboardJson({ name, title, description, variable, panels }: Dashboard): string {
	const places = placesOf(panels);
	const dashboard = {
		uid: `agt-${name}`,
		title: `AutoGrowthTrading: ${title}`,
		description,
		tags: ["autogrowthtrading"],
		schemaVersion: SCHEMA_VERSION,
		version: 1,
		editable: false,
		graphTooltip: 1,
		timezone: "browser",
		time: { from: "now-1h", to: "now" },
		refresh: "30s",
		links: [{ type: "dashboards", title: "Others", tags: ["autogrowthtrading"], asDropdown: true, keepTime: true }],
		templating: { list: variable ? [variableJson(variable)] : [] },
		annotations: { list: [] },
		panels: panels.map((panel, i) => panelJson(panel, i + 1, places[i] as Place)),
	};
	return `${JSON.stringify(dashboard, null, "\t")}\n`;
}

interface Place {
	readonly x: number;
	readonly y: number;
	readonly w: number;
	readonly h: number;
}

/** From left to right; a row begins where the last one is full, or where another kind of panel begins. */
function placesOf(panels: readonly Panel[]): Place[] {
	let [x, y, height] = [0, 0, 0];
	return panels.map((panel) => {
		const { w, h } = panel.stat ? STAT : GRAPH;
		if (x + w > GRID_WIDTH || (x > 0 && h !== height)) [x, y] = [0, y + height];
		const place = { x, y, w, h };
		[x, height] = [x + w, h];
		return place;
	});
}

function variableJson({ label, metric }: NonNullable<Dashboard["variable"]>) {
	return {
		name: label,
		label,
		type: "query",
		datasource: DATASOURCE,
		query: { query: `label_values(${metric}, ${label})`, refId: "values" },
		definition: `label_values(${metric}, ${label})`,
		refresh: 2,
		sort: 1,
		multi: true,
		includeAll: true,
		allValue: ".*",
		current: { selected: true, text: ["All"], value: ["$__all"] },
	};
}

function panelJson(panel: Panel, id: number, gridPos: Place) {
	const { title, description, unit, queries, stat = false, stacked = false } = panel;
	const custom = {
		lineWidth: 1,
		fillOpacity: 10,
		showPoints: "never",
		stacking: { mode: stacked ? "normal" : "none" },
	};
	return {
		id,
		type: stat ? "stat" : "timeseries",
		title,
		description,
		datasource: DATASOURCE,
		gridPos,
		targets: queries.map(({ expr, legend }, i) => ({
			refId: String.fromCharCode("A".charCodeAt(0) + i),
			datasource: DATASOURCE,
			expr,
			legendFormat: legend ?? title,
			...(stat && { instant: true }),
		})),
		fieldConfig: {
			defaults: { unit, min: 0, ...thresholds(panel), ...(!stat && { custom }) },
			overrides: [],
		},
		options: stat
			? {
					colorMode: panel.limits ? "background" : "value",
					reduceOptions: { calcs: ["lastNotNull"] },
					textMode: "auto",
				}
			: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
	};
}

function thresholds({ limits }: Panel) {
	if (!limits) return {};
	const { warning, wrong, down } = limits;
	const between = warning === undefined ? [] : [{ color: "orange", value: warning }];
	const steps = down
		? [{ color: "red", value: null }, ...between, { color: "green", value: wrong }]
		: [{ color: "green", value: null }, ...between, { color: "red", value: wrong }];
	return { thresholds: { mode: "absolute", steps } };
}
