import { CLOCK_FAULTS } from "./clock-faults.ts";
import type { Blow, FaultKind } from "./fault-kind.ts";
import { NODE_FAULTS } from "./node-faults.ts";
import { SERVER_FAULTS } from "./server-faults.ts";

/** Every fault that the cluster has to survive. */
const FAULTS = { ...NODE_FAULTS, ...SERVER_FAULTS, ...CLOCK_FAULTS } satisfies Readonly<Record<string, FaultKind>>;

export type FaultName = keyof typeof FAULTS;

/** A fault that is to come. */
export interface Fault extends Blow {
	readonly name: FaultName;
}

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** The kind of fault that `name` names. */
export function faultKind(name: FaultName): FaultKind {
	return FAULTS[name];
}
