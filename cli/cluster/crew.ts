import { setTimeout as delay } from "node:timers/promises";
import { usageError } from "../run.ts";
import type { NodePlan } from "./plan.ts";
import type { ProcessStatus, Supervised } from "./supervised.ts";

/** A node as it is to be, and its process. */
export interface Node {
	readonly plan: NodePlan & { readonly url: string | null };
	readonly process: Supervised;
}

/** What an operator sees of a process. */
export interface Member extends ProcessStatus {
	/** Where it is reached; null for what only the cluster talks to. */
	readonly url: string | null;
	readonly metricsPort: number | null;
}

/** The processes of a cluster. */
export interface Crew {
	list(): Member[];
	/** Starts all nodes; resolves once every gateway sees every service. */
	startNodes(): Promise<void>;
	/** Ends the gateways, then the other nodes. */
	stopNodes(): Promise<void>;
	/**
	 * Restarts the nodes of `service`, or all, one at a time: the next when the one before serves again. Tells each; one
	 * that does not come back ends it by an error.
	 */
	restart(service: string | null, tell: (line: string) => void): Promise<void>;
}

/** Nodes start side by side on as few as two processors. */
const READY_PATIENCE_MS = 120_000;
const READY_POLL_MS = 100;

/** The processes of `servers` and `nodes`; `isKnown` tells of a node whether the others know that it serves. */
export function openCrew(
	servers: readonly Pick<Supervised, "status">[],
	nodes: readonly Node[],
	isKnown: (plan: NodePlan) => boolean,
): Crew {
	const gateways = nodes.filter(({ plan }) => plan.service === "api");
	const others = nodes.filter(({ plan }) => plan.service !== "api");
	let restarting = false;
	let stopping = false;

	async function allServe(): Promise<void> {
		const patience = performance.now() + READY_PATIENCE_MS;
		for (const { plan } of nodes) {
			while (!isKnown(plan) || (plan.url !== null && !(await seesAll(plan.url)))) {
				if (performance.now() > patience) throw usageError(`${plan.name} does not become ready: see the logs`);
				await delay(READY_POLL_MS);
			}
		}
	}

	async function restartOne({ process }: Node): Promise<void> {
		await process.stop();
		if (stopping) throw usageError("The cluster stops");
		await process.start();
		await allServe();
	}

	return {
		list: () => [
			...servers.map((server) => ({ ...server.status(), url: null, metricsPort: null })),
			...nodes.map(({ plan: { url, metricsPort }, process }) => ({ ...process.status(), url, metricsPort })),
		],
		async startNodes() {
			await Promise.all(nodes.map(({ process }) => process.start()));
			await allServe();
		},
		async stopNodes() {
			stopping = true;
			await Promise.all(gateways.map(({ process }) => process.stop()));
			await Promise.all(others.map(({ process }) => process.stop()));
		},
		async restart(service, tell) {
			const chosen = nodes.filter(({ plan }) => service === null || plan.service === service || plan.name === service);
			if (chosen.length === 0) throw usageError(`There is no service or node '${service}'`);
			if (restarting) throw usageError("A restart is under way");
			restarting = true;
			try {
				for (const node of chosen) {
					const startedAt = performance.now();
					await restartOne(node);
					tell(`${node.plan.name} is back after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
				}
			} finally {
				restarting = false;
			}
		},
	};
}

/** A gateway may be ready, and not know yet of a node that has just come back. */
async function seesAll(url: string): Promise<boolean> {
	try {
		const { status } = (await (await fetch(`${url}/health`)).json()) as { readonly status: string };
		return status === "ok";
	} catch {
		return false;
	}
}
