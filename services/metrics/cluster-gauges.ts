import type { Service } from "moleculer";
import MoleculerPrometheus from "moleculer-prometheus";
import { Gauge, Registry } from "prom-client";
import { metricsOf } from "../../lib/metrics/registry.ts";
import { mixin } from "../../lib/service.ts";
import { SERVICE_NAMES } from "../../lib/topology.ts";

/** What a service with the cluster's gauges has. */
export interface ClusterGauges {
	/** The gauges as they were read last. */
	readonly shown: Registry;
}

type Stock = typeof MoleculerPrometheus.methods;

interface Vars {
	/** The library, and where the gauges of a reading are made. */
	client: object;
	register: Registry;
	shown: Registry;
	/** The last reading, so that the next one waits for it. */
	reading: Promise<void>;
}

const ENDPOINTS_OF_SERVICE = "moleculer_service_endpoints_total";

/** Its request metrics do not work on this Moleculer, and the gateway's say more. */
const GAUGES = Object.fromEntries(
	Object.entries(MoleculerPrometheus.settings.metrics).filter(([, { type }]) => type === "Gauge"),
);

// Left out: its lifecycle, which listens on a port of its own, and its events, which it takes by an older signature.
const { createMetrics, updateCommonValues, update } = MoleculerPrometheus.methods;

/** Keeps moleculer-prometheus's gauges of the cluster, and shows them with the other metrics of the node. */
export function clusterGauges() {
	return mixin<Stock, Vars>({
		methods: {
			createMetrics,
			updateCommonValues,
			update(name, method, labels, value) {
				update.call(this, name, method, labels && given(labels), value);
			},
		},
		events: { "$services.changed": readAgain, "$node.connected": readAgain, "$node.disconnected": readAgain },
		created() {
			this.client = { Gauge };
			this.shown = new Registry();
			this.reading = Promise.resolve();
			metricsOf(this.broker)?.include(() => this.shown.metrics());
		},
		async started() {
			readAgain.call(this);
			await this.reading;
		},
	});
}

function readAgain(this: Service & Stock & Vars): void {
	this.reading = this.reading
		.then(() => read(this))
		.catch((error) => this.logger.warn("The gauges of the cluster stand still", error));
}

/** Into new gauges each time: the old ones would go on to tell of what has left. */
async function read(service: Stock & Vars): Promise<void> {
	service.register = new Registry();
	service.createMetrics(GAUGES);
	for (const name of SERVICE_NAMES) service.update(ENDPOINTS_OF_SERVICE, "set", { service: name }, 0);
	await service.updateCommonValues();
	service.shown = service.register;
}

/** Services have no version, and that is no label `undefined`. */
function given(labels: object): object {
	return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== undefined));
}
