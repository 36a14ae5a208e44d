import type { ServiceBroker } from "moleculer";
import type { Instrument } from "../../contracts/data.ts";
import { call } from "../../lib/service.ts";

/** Rules of an instrument change rarely, and trading checks its own copy again. */
const MAX_AGE_MS = 5_000;
const MAX_INSTRUMENTS = 10_000;

/** The rules that requests are checked against. */
export interface Instruments {
	/** Refuses `NOT_FOUND` for a symbol that is not listed. */
	get(symbol: string): Promise<Instrument>;
}

/** Asks `data` for an instrument once in a while; one that is not listed is asked for each time. */
export function instrumentsOf(broker: ServiceBroker): Instruments {
	const known = new Map<string, { readonly instrument: Instrument; readonly readAt: number }>();
	return {
		async get(symbol) {
			const entry = known.get(symbol);
			if (entry && performance.now() - entry.readAt < MAX_AGE_MS) return entry.instrument;
			const instrument = await call(broker, "data.instrument", { symbol });
			if (known.size >= MAX_INSTRUMENTS) known.clear();
			known.set(symbol, { instrument, readAt: performance.now() });
			return instrument;
		},
	};
}
