import type { ArmedFailpoint } from "../../../lib/failpoint.ts";
import type { StatefulService } from "../../../lib/topology.ts";
import type { TestDatabase } from "../../support/databases.ts";
import type { Scene } from "./scene.ts";

/** One blow of a kind of fault. */
export interface Blow {
	/** Whom it hits, where it hits one of several. */
	readonly target: string;
	/** How long until it is healed. */
	readonly forMs: number;
	/** Where a node kills itself, for the fault that makes it. */
	readonly at: ArmedFailpoint | null;
}

/** A kind of fault, which befalls a cluster again and again. */
export interface FaultKind {
	/** What happens, and what heals it. */
	readonly how: string;
	readonly heal: string;
	/** One of them is hit. */
	readonly targets: readonly string[];
	/** How often it comes in each round of faults. */
	readonly perRound: number;
	/** It is healed after so long, from and to. */
	readonly lastsMs: readonly [number, number];
	/** So long after the fault, or after its end, requests may fail. */
	readonly limit: { readonly from: "fault" | "heal"; readonly ms: number };
	/** Why it cannot come on this machine. */
	readonly impossible?: string | undefined;
	/** Does it; gives what heals it. */
	strike(scene: Scene, blow: Blow): Promise<() => Promise<void> | void>;
}

/** The target of a fault that hits all there is. */
export const EVERYTHING = ["everything"];

/** The database of a service on the scene. */
export function databaseOf({ databases }: Scene, service: StatefulService): TestDatabase {
	const database = databases.get(service);
	if (!database) throw new Error(`there is no database of ${service}`);
	return database;
}
