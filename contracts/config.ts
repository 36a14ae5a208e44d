import type { Timestamp } from "./common.ts";

/** Every runtime setting with the type of its value. */
export interface SettingValues {
	"trading.max_orders_per_user": number;
	"trading.order_timeout_s": number;
	"trading.paper_deposits": boolean;
	"users.max_users": number;
	"orders.max_open_orders": number;
}
export type SettingKey = keyof SettingValues;

/** `version` is 0 while nobody has set it and `value` is the default. */
export interface Setting {
	readonly key: SettingKey;
	readonly value: number | boolean;
	readonly version: number;
	readonly description: string;
	readonly updated_at: Timestamp | null;
	readonly updated_by: string | null;
}

export interface ConfigApi {
	list(): { readonly items: readonly Setting[] };
	get(params: { readonly key: string }): Setting;
	/** Refuses `NOT_FOUND`, `VALIDATION_FAILED`, and `VERSION_CONFLICT` unless `expected_version` is the version in force. */
	set(params: { readonly key: string; readonly value: number | boolean; readonly expected_version: number }): Setting;
	/** Newest first. */
	history(params: { readonly key: string }): { readonly items: readonly Setting[] };
}

export interface ConfigEvents {
	"config.changed": { readonly key: SettingKey; readonly value: number | boolean; readonly version: number; readonly by: string };
}
