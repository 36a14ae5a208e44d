/** Every service with a database of its own: `<name>_db`, reached by `<NAME>_DATABASE_URL`. */
export const STATEFUL_SERVICES = [
	"audit",
	"auth",
	"config",
	"data",
	"events",
	"notifications",
	"orders",
	"risk",
	"trading",
	"users",
] as const;

/** The services that take events in. */
export const CONSUMERS = ["audit", "auth", "data", "events", "notifications", "orders", "risk"] as const;

/** The sources whose events each of them takes in; `*` is every one. */
export const CONSUMED = {
	audit: ["*"],
	auth: ["users"],
	data: ["trading"],
	events: ["*"],
	notifications: ["auth", "events", "notifications", "orders", "risk", "users"],
	orders: ["risk", "trading"],
	risk: ["trading"],
} as const satisfies Readonly<Record<ConsumerName, readonly string[]>>;

/** The services that tell events. */
export const TELLERS = [
	"audit",
	"auth",
	"config",
	"data",
	"events",
	"notifications",
	"orders",
	"risk",
	"trading",
	"users",
] as const;

/** Every service of the cluster: the folders under `services/`, the values of `SERVICES`, what readiness waits for. */
export const SERVICE_NAMES = ["api", "health", "metrics", ...STATEFUL_SERVICES] as const;

/** Without these no order is placed; without the others orders still are, and the cluster is only degraded. */
const ORDER_PATH = [
	"api",
	"auth",
	"data",
	"orders",
	"risk",
	"trading",
	"users",
] as const satisfies readonly ServiceName[];

export type StatefulService = (typeof STATEFUL_SERVICES)[number];
export type ConsumerName = (typeof CONSUMERS)[number];
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Whether the service keeps a database. */
export function isStateful(name: string): name is StatefulService {
	return (STATEFUL_SERVICES as readonly string[]).includes(name);
}

/** Whether no order can be placed while nobody serves the service. */
export function isOnOrderPath(name: string): boolean {
	return (ORDER_PATH as readonly string[]).includes(name);
}

/** The database of a service, e.g. `orders_db`. */
export function databaseName(service: StatefulService): string {
	return `${service}_db`;
}

/** The environment variable with the URL of a service's database, e.g. `ORDERS_DATABASE_URL`. */
export function databaseVariable(service: StatefulService): string {
	return `${service.toUpperCase()}_DATABASE_URL`;
}
