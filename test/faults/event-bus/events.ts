import type { Transfer } from "../../../contracts/trading.ts";
import type { User } from "../../../contracts/users.ts";
import type { Staged } from "../../../lib/event-bus/outbox.ts";
import { SOURCES, type Source } from "./layout.ts";

const AT = "2026-01-02T03:04:05.678Z";

/** The events `from` to `to` of an aggregate of `source`. */
export function eventsOf(source: Source, aggregateId: string, from: number, to: number): Staged[] {
	return Array.from({ length: to - from + 1 }, (_, i) => {
		const sequence = from + i;
		const common = {
			aggregate_id: aggregateId,
			aggregate_seq: sequence,
			correlation_id: `request-${sequence}`,
			actor: { user_id: aggregateId, ip: null },
		};
		return source === "users"
			? { ...common, type: inTurn(SOURCES.users, sequence), data: userOf(aggregateId, sequence) }
			: { ...common, type: inTurn(SOURCES.trading, sequence), data: transferOf(aggregateId, sequence) };
	});
}

/** The types of an aggregate take turns. */
function inTurn<T>(types: readonly [T, T], sequence: number): T {
	return sequence % 2 === 1 ? types[0] : types[1];
}

/** With text that has to be quoted on the way. */
function userOf(userId: string, sequence: number): User {
	return {
		user_id: userId,
		username: `Zoë "${sequence}" \\ \u0000 株`,
		email: `zoe-${sequence}@example.com`,
		status: "active",
		roles: ["trader"],
		created_at: AT,
		updated_at: AT,
	};
}

function transferOf(userId: string, sequence: number): Transfer {
	return {
		transfer_id: `${userId}-${sequence}`,
		kind: sequence % 2 === 1 ? "deposit" : "withdrawal",
		user_id: userId,
		asset: "BTC",
		amount: `${sequence}.00000001`,
		created_at: AT,
	};
}
