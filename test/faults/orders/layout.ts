import { FAILPOINTS, type Failpoint } from "../../../lib/failpoint.ts";
import { SERVICE_NAMES, type ServiceName } from "../../../lib/topology.ts";
import type { Process } from "../product/deployment.ts";

export const MODES = ["cluster", "embedded"] as const;
export type Mode = (typeof MODES)[number];

/** A process of the product: what it runs, and the failpoints that orders make it pass. */
export interface Part {
	readonly name: string;
	readonly services: readonly ServiceName[];
	readonly failpoints: readonly Failpoint[];
	/** Whether an order goes through it: it is then killed at its failpoints first, and more often. */
	readonly onPath: boolean;
}

const CONSUMING = ["consumer.before_commit", "consumer.after_commit"] as const;

const ALONE = ["api", "orders", "risk", "trading", "data", "events"] as const;

/** The processes of each mode. In a cluster whatever orders do not wait for shares one, to start sooner. */
export const PARTS: Readonly<Record<Mode, readonly Part[]>> = {
	embedded: [part("all", SERVICE_NAMES, FAILPOINTS, true)],
	cluster: [
		part("api", ["api"], own("api"), true),
		part("orders", ["orders"], [...own("orders"), "relay.after_publish", ...CONSUMING], true),
		part("risk", ["risk"], own("risk"), true),
		part("trading", ["trading"], [...own("trading"), "relay.after_publish"], true),
		part("data", ["data"], CONSUMING, false),
		part("events", ["events"], CONSUMING, false),
		part(
			"others",
			SERVICE_NAMES.filter((name) => !(ALONE as readonly ServiceName[]).includes(name)),
			CONSUMING,
			false,
		),
	],
};

/** The processes of `mode`, with `shared` in the environment of each. */
export function processesOf(mode: Mode, shared: Readonly<Record<string, string>>): readonly Process[] {
	return PARTS[mode].map(({ name, services }) =>
		mode === "embedded"
			? { name, program: "start", settings: shared }
			: { name, program: "service", settings: { ...shared, SERVICES: services.join(","), NODE_ID: name } },
	);
}

function part(name: string, services: readonly ServiceName[], failpoints: readonly Failpoint[], onPath: boolean): Part {
	return { name, services, failpoints, onPath };
}

/** The failpoints that are named after `service`. */
function own(service: ServiceName): Failpoint[] {
	return FAILPOINTS.filter((name) => name.startsWith(`${service}.`));
}
