import { type Context, Strategies } from "moleculer";

type Endpoints = Parameters<Strategies.Shard["select"]>[0];

/**
 * Moleculer's Shard gives nobody, which ends the call as an internal error, for a key whose node is there but left
 * alone by the circuit breaker. This one then gives another one.
 */
const PatientShard = class extends Strategies.Shard {
	override select(endpoints: Endpoints, ctx: Context): Endpoints[number] {
		return super.select(endpoints, ctx) ?? (endpoints[0] as Endpoints[number]);
	}
};

/** Has every action whose strategy is `Shard` go by the one above: nodes tell each other strategies by name. */
export function useOwnShard(): void {
	Strategies.register("Shard", PatientShard as unknown as Strategies.Base);
}
