import type { Timestamp } from "./common.ts";

/** Every runtime setting with the type of its value. */
export interface SettingValues {
	"trading.max_orders_per_user": number;
	"trading.order_timeout_s": number;
	"trading.paper_deposits": boolean;
	"trading.price_band_bps": number;
	"users.max_users": number;
	"orders.max_open_orders": number;
	"events.retention_days": number;
}
export type SettingKey = keyof SettingValues;
export type SettingValue = SettingValues[SettingKey];

/** `version` is 0 while nobody has set it and `value` is the default. */
export interface Setting {
	readonly key: SettingKey;
	readonly value: SettingValue;
	readonly version: number;
	readonly description: string;
	readonly updated_at: Timestamp | null;
	readonly updated_by: string | null;
}

/** A setting's value in force; a higher version is a newer value. Broadcast as `config.hint` after each change. */
export interface SettingInForce {
	readonly key: SettingKey;
	readonly value: SettingValue;
	readonly version: number;
}

export interface ConfigApi {
	list(): { readonly items: readonly Setting[] };
	/** Refuses `NOT_FOUND`. */
	get(params: { readonly key: string }): Setting;
	/** For services, which read it by the settings mixin. Refuses `NOT_FOUND`. */
	value(params: { readonly key: string }): SettingInForce;
	/** Refuses `NOT_FOUND`, `VALIDATION_FAILED`, and `VERSION_CONFLICT` unless `expected_version` is in force. */
	set(params: { readonly key: string; readonly value: SettingValue; readonly expected_version: number }): Setting;
	/** Newest first, at most 100. Refuses `NOT_FOUND`. */
	history(params: { readonly key: string }): { readonly items: readonly Setting[] };
}

export interface ConfigEvents {
	"config.changed": SettingInForce & { readonly by: string };
}
