import { setTimeout as delay } from "node:timers/promises";
import type { NatsServer } from "../../contract/event-bus/nats-server.ts";
import { type Cluster, NODES_PER_SERVICE } from "./cluster.ts";
import type { NodeProcess } from "./node-process.ts";
import type { Fault } from "./plan.ts";

/** Does harm, and undoes it. */
export interface Inflictor {
	/** Lets `fault` befall its target, which heals after the time of the fault. Several may be at work at once. */
	inflict(fault: Fault): void;
	/** Resolves when everything is healed. */
	healed(): Promise<void>;
	/** The faults that are over. */
	readonly inflicted: readonly Fault[];
}

/** Who is killed has stood still for so long: others have sent him more meanwhile, so something is always under way. */
const STILL_MS = 300;
/** So long a service has taken nothing when the store with what it was to take is deleted. */
const BEHIND_MS = 1_000;

/** Harms the nodes of `cluster` and the NATS server. `note` takes what went wrong with that itself. */
export function inflictor(
	cluster: Cluster,
	nats: NatsServer,
	note: (what: string) => (error: unknown) => void,
): Inflictor {
	const inflicted: Fault[] = [];
	const underWay: Promise<void>[] = [];
	/** There is one server, so its faults wait for each other. */
	let natsIsBack = Promise.resolve();

	function harmNats(harm: () => Promise<void>): Promise<void> {
		natsIsBack = natsIsBack.then(harm);
		return natsIsBack;
	}

	async function befall(fault: Fault): Promise<void> {
		const { kind, target, forMs } = fault;
		if (kind === "wipe") {
			await cluster.afflict(fault.behind, NODES_PER_SERVICE, async (nodes) => {
				for (const node of nodes) node.pause();
				await delay(BEHIND_MS);
				await harmNats(() => wipe(nats, forMs));
				for (const node of nodes) node.resume();
			});
			return;
		}
		const harm = kind === "kill" ? kill : pause;
		if (target === "nats-server") await harmNats(() => harm(nats, forMs));
		else await cluster.afflict(target, 1, async ([node]) => node && harm(node, forMs));
	}

	return {
		inflicted,
		inflict(fault) {
			const over = befall(fault).then(() => void inflicted.push(fault));
			underWay.push(over.catch(note(`${fault.kind} of ${fault.target} failed`)));
		},
		async healed() {
			await Promise.all(underWay);
		},
	};
}

type Victim = Pick<NodeProcess, "start" | "kill" | "pause" | "resume">;

async function kill(victim: Victim, forMs: number): Promise<void> {
	victim.pause();
	await delay(STILL_MS);
	await victim.kill();
	await delay(forMs);
	await victim.start();
}

async function pause(victim: Victim, forMs: number): Promise<void> {
	victim.pause();
	await delay(forMs);
	victim.resume();
}

async function wipe(nats: NatsServer, forMs: number): Promise<void> {
	await nats.kill();
	await nats.wipe();
	await delay(forMs);
	await nats.start();
}
