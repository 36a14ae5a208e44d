/*
 * Checked by `tsc` and never run: each `@ts-expect-error` is a mistake that must not compile, and an expectation that
 * meets no error is an error itself.
 */
import type { ServiceBroker } from "moleculer";
import type { Principal } from "../../contracts/common.ts";
import type { User } from "../../contracts/users.ts";
import type { Staged } from "../../lib/event-bus/outbox.ts";
import type { Metrics } from "../../lib/metrics/registry.ts";
import { call, type TypedService } from "../../lib/service.ts";

/** A caller can only ask what `contracts/` promises. */
export async function calls(broker: ServiceBroker): Promise<void> {
	const user = await call(broker, "users.resolve", { username: "alice" });
	const name: string | undefined = user?.username;

	// @ts-expect-error: there is no such action
	await call(broker, "users.resolv", { username: "alice" });
	// @ts-expect-error: there is no such service
	await call(broker, "user.resolve", { username: "alice" });
	// @ts-expect-error: a parameter is missing
	await call(broker, "users.resolve");
	// @ts-expect-error: a parameter is misspelt
	await call(broker, "users.resolve", { user_name: "alice" });
	// @ts-expect-error: money is a decimal string, never a number
	await call(broker, "trading.deposit", { asset: "USD", amount: 100, idempotency_key: "k" });
	// @ts-expect-error: the action takes no parameters
	await call(broker, "users.me", { user_id: "u" });
	// @ts-expect-error: the user may be null
	const always: User = user;
	// @ts-expect-error: the result has no such field
	const missing = user?.password;
	return void [name, always, missing];
}

const ann = { user_id: "u", username: "ann", roles: ["trader"] } as const;

/** Who calls has a session or a key. */
export const principals: readonly Principal[] = [
	{ ...ann, session_id: "s" },
	{ ...ann, key_id: "k", scopes: ["read"] },
	// @ts-expect-error: neither of them
	ann,
	// @ts-expect-error: both of them
	{ ...ann, session_id: "s", key_id: "k", scopes: ["read"] },
	// @ts-expect-error: what the key is good for is not said
	{ ...ann, key_id: "k" },
];

/** The session of a caller is not there to be taken for granted. */
export function sessionOf(caller: Principal): string {
	// @ts-expect-error: a key has none
	return caller.session_id;
}

const cluster = { status: "ok", timestamp: "", nodes: [], services: [], dependencies: [] } as const;

/** A service has exactly the actions of its contract. */
export const services: readonly TypedService<"health">[] = [
	{ name: "health", actions: { cluster: { auth: "admin", handler: () => cluster } } },
	// @ts-expect-error: an action is missing
	{ name: "health", actions: {} },
	// @ts-expect-error: an action too many
	{ name: "health", actions: { cluster: { auth: "admin", handler: () => cluster }, other: { auth: "admin" } } },
	// @ts-expect-error: who may call it is not said
	{ name: "health", actions: { cluster: { handler: () => cluster } } },
	// @ts-expect-error: nobody is called so
	{ name: "health", actions: { cluster: { auth: "root", handler: () => cluster } } },
	// @ts-expect-error: the result is another one
	{ name: "health", actions: { cluster: { auth: "admin", handler: () => ({ status: "ok" }) } } },
	// @ts-expect-error: the name is another one
	{ name: "healthy", actions: { cluster: { auth: "admin", handler: () => cluster } } },
];

const about = { aggregate_id: "a", aggregate_seq: 1, correlation_id: "c", actor: null };
const revoked = { user_id: "u", session_id: "s", reason: "logout" } as const;

/** An event carries the payload of its type. */
export const events: readonly Staged[] = [
	{ ...about, type: "auth.session_revoked", data: revoked },
	// @ts-expect-error: there is no such event
	{ ...about, type: "auth.session_revoke", data: revoked },
	// @ts-expect-error: a field is missing
	{ ...about, type: "auth.session_revoked", data: { user_id: "u", session_id: "s" } },
	// @ts-expect-error: the reason is none of those there are
	{ ...about, type: "auth.session_revoked", data: { ...revoked, reason: "whim" } },
	// @ts-expect-error: the payload is that of another event
	{ ...about, type: "users.created", data: revoked },
];

/** A consumer gets the payload of the type that it names. */
export const consumer: Pick<TypedService<"health">, "consumes"> = {
	consumes: {
		async "auth.session_revoked"(_tx, [event]) {
			const reason: string | undefined = event?.data.reason;
			// @ts-expect-error: the payload has no such field
			const missing = event?.data.amount;
			return void [reason, missing];
		},
		// @ts-expect-error: there is no such event
		async "auth.session_revoke"() {},
	},
};

/** Only what is in the list can be measured, with all of its labels. */
export function measurements(metrics: Metrics): void {
	metrics.increment("trades_total", { symbol: "BTC-USD" });
	// @ts-expect-error: the name is misspelt
	metrics.increment("trade_total", { symbol: "BTC-USD" });
	// @ts-expect-error: a label is misspelt
	metrics.increment("trades_total", { market: "BTC-USD" });
	// @ts-expect-error: a label is missing
	metrics.set("book_orders", { symbol: "BTC-USD" }, 1);
	// @ts-expect-error: a counter is not set
	metrics.set("trades_total", { symbol: "BTC-USD" }, 1);
}
