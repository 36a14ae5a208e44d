import { seeded, shuffled } from "../../support/random.ts";
import { CONSUMER_NAMES, HISTORY, SERVICES, type Service } from "./layout.ts";

/** What can be killed or stopped: a node of a service, or the NATS server. */
export type Target = Service | "nats-server";

/** Something that befalls the cluster. */
export type Fault = HitNode | Wipe;

interface Timed {
	/** It comes when so much of all events has been told: from 0 to 1. */
	readonly at: number;
	/** How long the target is down or stopped. */
	readonly forMs: number;
}

interface HitNode extends Timed {
	readonly kind: "kill" | "pause";
	readonly target: Target;
}

/** The JetStream store is deleted, with events in it that a service has yet to take. */
interface Wipe extends Timed {
	readonly kind: "wipe";
	readonly target: "nats-server";
	readonly behind: Service;
}

const TARGETS: readonly Target[] = [...SERVICES, "nats-server"];

/** No fault comes before there is something to lose, or after the last event. */
const FIRST_AT = 0.03;
const LAST_AT = 0.97;
/** The store goes while there is much to lose and much still to come. */
const WIPE_FROM = 0.4;
const WIPE_TO = 0.7;
const KILLS_PER_PAUSE = 5;
const MIN_DOWN_MS = 100;
const MAX_DOWN_MS = 2_000;
/** Longer than the silence after which a leader has lost its lock, 5 s: another one leads by then. */
const MIN_PAUSE_MS = 6_000;
const MAX_PAUSE_MS = 8_000;

/** `kills` kills, for every five of them a pause, and one wipe, in order; the same for the same seed. */
export function planFaults(seed: number, kills: number): readonly Fault[] {
	const random = seeded(seed);
	const between = (min: number, max: number) => min + random() * (max - min);
	const inTurn = (kind: "kill" | "pause", count: number, minMs: number, maxMs: number): Fault[] => {
		const targets = shuffled(TARGETS, random);
		return Array.from({ length: count }, (_, i) => ({
			at: between(FIRST_AT, LAST_AT),
			kind,
			target: targets[i % targets.length] as Target,
			forMs: Math.round(between(minMs, maxMs)),
		}));
	};
	const [behind] = shuffled<Service>([HISTORY, ...CONSUMER_NAMES], random);
	const faults: Fault[] = [
		...inTurn("kill", kills, MIN_DOWN_MS, MAX_DOWN_MS),
		...inTurn("pause", Math.ceil(kills / KILLS_PER_PAUSE), MIN_PAUSE_MS, MAX_PAUSE_MS),
		{
			at: between(WIPE_FROM, WIPE_TO),
			kind: "wipe",
			target: "nats-server",
			behind: behind as Service,
			forMs: MIN_DOWN_MS,
		},
	];
	return faults.sort((a, b) => a.at - b.at);
}
