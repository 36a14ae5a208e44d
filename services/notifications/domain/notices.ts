import type { AnyEvent, Events } from "../../../contracts/index.ts";
import type { NotificationKind } from "../../../contracts/notifications.ts";
import type { TradingScope } from "../../../contracts/risk.ts";

/** What there is to tell a user; where it goes is another matter. */
export interface Notice {
	/** Null when it is for everybody. */
	readonly userId: string | null;
	readonly kind: NotificationKind;
	/** What it tells of: a user is told each such thing once per kind, whatever events it comes by. */
	readonly key: string;
	/** When that happened. */
	readonly at: string;
	readonly title: string;
	readonly body: string;
	readonly data: Readonly<Record<string, unknown>>;
}

type Content = Pick<Notice, "userId" | "kind" | "title" | "body" | "data">;
/** The event's own id is the key unless told. */
type Rule<E extends keyof Events> = (data: Events[E]) => (Content & Partial<Pick<Notice, "key">>) | null;

/** What each event has to tell, if anything. */
const RULES: { readonly [E in keyof Events]?: Rule<E> } = {
	"orders.executed"({ order_id, user_id, symbol, side, filled_quantity, remaining_quantity, average_price }) {
		const did = `${side === "buy" ? "bought" : "sold"} ${filled_quantity} of ${symbol}`;
		return {
			userId: user_id,
			...(remaining_quantity === "0"
				? { kind: "order_filled", key: order_id, title: `Order filled: ${did}` }
				: { kind: "order_partly_filled", key: `${order_id}:${filled_quantity}`, title: `Order partly filled: ${did}` }),
			body: `Your order has ${did} at an average price of ${average_price}, ${remaining_quantity} remain.`,
			data: { order_id, symbol, side, filled_quantity, remaining_quantity, average_price },
		};
	},
	"orders.status_updated"({ order_id, user_id, symbol, from, to, reject_code }) {
		const step = stepOf(from, to);
		if (!step) return null;
		const why = reject_code === null ? "" : `: ${reject_code}`;
		return {
			userId: user_id,
			kind: step.kind,
			key: order_id,
			title: `${step.title}: ${symbol}`,
			body: `Your order in ${symbol} ${step.says}${why}.`,
			data: { order_id, symbol, status: to, reject_code },
		};
	},
	"auth.key_created"({ user_id, key_id, name, scopes, ip }) {
		return {
			userId: user_id,
			kind: "key_created",
			title: `New API key: ${name}`,
			body: `The API key "${name}" for ${scopes.join(" and ")} was made from ${ip}. ${IF_NOT_YOU}`,
			data: { key_id, name, scopes, ip },
		};
	},
	"risk.limits_changed"({ scope, max_order_notional, max_open_orders }) {
		if (scope === "default") return null;
		return {
			userId: scope,
			kind: "limits_changed",
			title: "Your risk limits have changed",
			body: `Largest order: ${max_order_notional ?? AS_FOR_ALL}. Open orders: ${max_open_orders ?? AS_FOR_ALL}.`,
			data: { max_order_notional, max_open_orders },
		};
	},
	"risk.trading_halted"({ scope, id, mode, reason, cancel_open }) {
		const what = mode === "halted" ? "is halted" : "is restricted to reducing positions";
		return {
			...audienceOf(scope, id),
			title: `${tradingOf(scope, id)} ${what}`,
			body: `${reason}${cancel_open ? " Open orders are canceled." : ""}`,
			data: { scope, id, mode, reason, cancel_open },
		};
	},
	"risk.trading_resumed"({ scope, id }) {
		const title = `${tradingOf(scope, id)} is resumed`;
		return { ...audienceOf(scope, id), title, body: `${title}.`, data: { scope, id, mode: "active" } };
	},
	"events.subscription_disabled"({ subscription_id, user_id, url, reason }) {
		return {
			userId: user_id,
			kind: "webhook_disabled",
			title: "Your subscription to events is disabled",
			body: `Nothing could be sent to ${url} for hours: ${reason}. Subscribe anew once it is back.`,
			data: { subscription_id, url, reason },
		};
	},
	"notifications.webhook_disabled"({ webhook_id, user_id, url, reason }) {
		return {
			userId: user_id,
			kind: "webhook_disabled",
			key: webhook_id,
			title: "Your webhook is disabled",
			body: `Nothing could be sent to ${url} for hours: ${reason}. Add it anew once it is back.`,
			data: { webhook_id, url, reason },
		};
	},
};

const AS_FOR_ALL = "as for everybody";
const IF_NOT_YOU = "If that was not you, change your password and look through your sessions and API keys.";

/** Longer texts, which only what users themselves write can lead to, are cut. */
const MAX_TITLE_LENGTH = 200;
const MAX_BODY_LENGTH = 4_000;

/** The notice that an event leads to by itself, or null. */
export function noticeOf(event: Pick<AnyEvent, "event_id" | "type" | "timestamp" | "data">): Notice | null {
	const rule = RULES[event.type] as Rule<never> | undefined;
	const content = rule?.(event.data as never);
	if (!content) return null;
	return {
		key: event.event_id,
		at: event.timestamp,
		...content,
		title: plain(content.title, MAX_TITLE_LENGTH),
		body: plain(content.body, MAX_BODY_LENGTH),
	};
}

/** A login from an address that its user has not logged in from before. */
export interface NewPlace {
	readonly userId: string;
	readonly sessionId: string;
	readonly ip: string;
	readonly userAgent: string;
	readonly at: string;
}

/** The notice of a login from a new place. */
export function newPlaceNotice({ userId, sessionId, ip, userAgent, at }: NewPlace): Notice {
	const by = userAgent === "" ? "" : ` by ${userAgent}`;
	return {
		userId,
		kind: "login_new_place",
		key: sessionId,
		at,
		title: plain(`New login from ${ip}`, MAX_TITLE_LENGTH),
		body: plain(`Somebody has logged in to your account from ${ip}${by}. ${IF_NOT_YOU}`, MAX_BODY_LENGTH),
		data: { session_id: sessionId, ip, user_agent: userAgent },
	};
}

interface Step {
	readonly kind: NotificationKind;
	readonly title: string;
	readonly says: string;
}

const ENDS: Readonly<Record<string, Step>> = {
	rejected: { kind: "order_rejected", title: "Order rejected", says: "has been rejected" },
	canceled: { kind: "order_canceled", title: "Order canceled", says: "has been canceled" },
	expired: { kind: "order_expired", title: "Order expired", says: "has expired" },
};
const TRIGGERED: Step = { kind: "stop_triggered", title: "Stop triggered", says: "has been triggered" };

/** Fills tell of themselves, a replacement is what its user asked for, and exits of a bracket follow its entry. */
function stepOf(from: string, to: string): Step | null {
	return ENDS[to] ?? (from === "held" && to !== "replaced" && to !== "pending" ? TRIGGERED : null);
}

function audienceOf(scope: TradingScope, id: string | null): Pick<Notice, "userId" | "kind"> {
	return scope === "user" ? { userId: id, kind: "trading_halted" } : { userId: null, kind: "market_halted" };
}

function tradingOf(scope: TradingScope, id: string | null): string {
	if (scope === "user") return "Your trading";
	return scope === "symbol" ? `Trading in ${id}` : "Trading";
}

/** On one line, without characters that cannot be seen: what users write must not look like something else. */
function plain(text: string, maxLength: number): string {
	return text
		.replaceAll(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, " ")
		.slice(0, maxLength)
		.toWellFormed();
}
