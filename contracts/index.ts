import type { AuditApi, AuditEvents } from "./audit.ts";
import type { AuthApi, AuthEvents } from "./auth.ts";
import type { ConfigApi, ConfigEvents } from "./config.ts";
import type { DataApi, DataEvents } from "./data.ts";
import type { Envelope, EventsApi, EventsEvents } from "./events.ts";
import type { HealthApi } from "./health.ts";
import type { MetricsApi } from "./metrics.ts";
import type { NotificationsApi, NotificationsEvents } from "./notifications.ts";
import type { OrdersApi, OrdersEvents } from "./orders.ts";
import type { RiskApi, RiskEvents } from "./risk.ts";
import type { TradingApi, TradingEvents } from "./trading.ts";
import type { UsersApi, UsersEvents } from "./users.ts";

export type * from "./common.ts";

/** Every callable service of the cluster, by its Moleculer name. */
export interface Services {
	audit: AuditApi;
	auth: AuthApi;
	config: ConfigApi;
	data: DataApi;
	events: EventsApi;
	health: HealthApi;
	metrics: MetricsApi;
	notifications: NotificationsApi;
	orders: OrdersApi;
	risk: RiskApi;
	trading: TradingApi;
	users: UsersApi;
}

/** Every event on the bus, by its type. */
export interface Events
	extends AuditEvents,
		AuthEvents,
		ConfigEvents,
		DataEvents,
		EventsEvents,
		NotificationsEvents,
		OrdersEvents,
		RiskEvents,
		TradingEvents,
		UsersEvents {}

/** An event as it arrives: `type` tells which `data` it carries. */
export type AnyEvent = { [E in keyof Events]: Envelope<E, Events[E]> }[keyof Events];
