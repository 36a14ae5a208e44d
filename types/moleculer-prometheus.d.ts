declare module "moleculer-prometheus" {
	interface Definition {
		readonly type: "Counter" | "Gauge" | "Histogram";
		readonly labelNames?: readonly string[];
		readonly help: string;
	}

	/** Its parts that work on this Moleculer; it has no types of its own. */
	const service: {
		readonly settings: { readonly metrics: Readonly<Record<string, Definition>> };
		readonly methods: {
			/** Makes metrics by the library `this.client`, in `this.register`. */
			createMetrics(definitions: Readonly<Record<string, Definition>>): void;
			/** Sets the gauges of nodes, services, actions and events. */
			updateCommonValues(): Promise<void>;
			update(name: string, method: string, labels: object | null, value: unknown): void;
		};
	};
	export default service;
}
