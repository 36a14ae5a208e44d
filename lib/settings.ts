import type { SettingKey, SettingValues } from "../contracts/config.ts";

interface Definition<T> {
	readonly default: T;
	readonly description: string;
	/** What is wrong with `value`, as a sentence, or null. */
	check(value: unknown): string | null;
}

/** Longer than a transport that lost events is refilled for. */
const MIN_RETENTION_DAYS = 7;

/** Every runtime setting: what it is, what it may be, and what it is until somebody sets it. */
export const SETTINGS: { readonly [K in SettingKey]: Definition<SettingValues[K]> } = {
	"events.retention_days": {
		default: 0,
		description: "How many days events are kept that everybody has handled; 0 keeps them for ever.",
		check: (value) =>
			value === 0 || integerBetween(MIN_RETENTION_DAYS, 36_500)(value) === null
				? null
				: `The value must be 0 or a whole number from ${MIN_RETENTION_DAYS} to 36500`,
	},
	"orders.max_open_orders": {
		default: 100_000,
		description: "How many orders may be open in the whole system; more are refused.",
		check: integerBetween(1, 10_000_000),
	},
	"trading.max_orders_per_user": {
		default: 100,
		description: "How many open orders a user may have, unless a risk limit says otherwise.",
		check: integerBetween(1, 100_000),
	},
	"trading.order_timeout_s": {
		default: 30,
		description: "How many seconds an order may be pending before it expires.",
		check: integerBetween(1, 3_600),
	},
	"trading.paper_deposits": {
		default: false,
		description: "Whether users may pay paper money into their own accounts.",
		check: (value) => (typeof value === "boolean" ? null : "The value must be true or false"),
	},
	"trading.price_band_bps": {
		default: 0,
		description: "How far from the last price orders may trade, in basis points of it; 0 is any distance.",
		check: integerBetween(0, 10_000),
	},
	"users.max_users": {
		default: 10_000,
		description: "How many users may be registered; more are refused.",
		check: integerBetween(1, 100_000_000),
	},
};

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** Whether there is a setting of that name. */
export function isSettingKey(key: string): key is SettingKey {
	return Object.hasOwn(SETTINGS, key);
}

function integerBetween(min: number, max: number): (value: unknown) => string | null {
	const sentence = `The value must be a whole number from ${min} to ${max}`;
	return (value) => (Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? null : sentence);
}
