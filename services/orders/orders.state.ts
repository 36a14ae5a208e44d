import type { Service, ServiceSettingSchema } from "moleculer";
import type { Metrics } from "../../lib/metrics/registry.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import type { Settings } from "../../mixins/settings.mixin.ts";
import type { Capacity } from "./capacity.ts";
import type { OrderRecord } from "./domain/order.ts";
import type { Instruments } from "./instruments.ts";
import type { Writes } from "./orders.writes.ts";
import type { Rounds } from "./rounds.ts";

/** What the service has beside its actions. */
export interface OrdersState extends Database, Outbox, Settings {
	writes: Writes;
	capacity: Capacity;
	instruments: Instruments;
	metrics: Metrics | null;
	/** Orders on their way through risk and trading from this node; a second request for one joins the first. */
	driving: Map<string, Promise<OrderRecord>>;
	sweeper: Rounds;
	expirer: Rounds;
	cancelSweeper: Rounds;
	exitSweeper: Rounds;
	/** Ends what calls other services, before the node stops any of them. */
	drain(): Promise<void>;
}

export type Orders = Service<ServiceSettingSchema> & OrdersState;
