import type { ServiceBroker } from "moleculer";
import type { Db } from "../db.ts";
import { activeSpan, currentTraceparent, tracingOf } from "./context.ts";

/** The database of `service` with a span for each transaction that is part of a recorded trace. */
export function tracedDb(broker: ServiceBroker, service: string, db: Db): Db {
	const attributes = { "db.system.name": "postgresql", "db.namespace": service };
	const options = { service, name: "transaction", kind: "CLIENT", attributes } as const;
	return {
		...db,
		transaction(work) {
			const tracing = activeSpan()?.isRecording() ? tracingOf(broker) : null;
			if (!tracing) return db.transaction(work);
			return tracing.run({ ...options, parent: currentTraceparent() }, () => db.transaction(work));
		},
	};
}
