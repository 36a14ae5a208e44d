import type { Setting, SettingKey } from "../../contracts/config.ts";
import type { Db } from "../../lib/db.ts";
import { refuse } from "../../lib/refuse.ts";
import { isSettingKey, SETTING_KEYS, SETTINGS } from "../../lib/settings.ts";
import { latestVersions, versionsOf } from "./config.store.ts";

const MAX_HISTORY = 100;

/** Every setting with the value in force, by name. */
export async function listSettings(db: Db): Promise<Setting[]> {
	const latest = new Map((await latestVersions(db, SETTING_KEYS)).map((setting) => [setting.key, setting]));
	return SETTING_KEYS.map((key) => latest.get(key) ?? defaultOf(key));
}

/** A setting with the value in force. Refuses `NOT_FOUND`. */
export async function readSetting(db: Db, name: string): Promise<Setting> {
	const key = keyOf(name);
	const [setting] = await latestVersions(db, [key]);
	return setting ?? defaultOf(key);
}

/** What a setting was before, newest first. Refuses `NOT_FOUND`. */
export async function readHistory(db: Db, name: string): Promise<Setting[]> {
	return versionsOf(db, keyOf(name), MAX_HISTORY);
}

/** `name` as the key of a setting that there is. Refuses `NOT_FOUND`. */
export function keyOf(name: string): SettingKey {
	if (!isSettingKey(name)) throw refuse("NOT_FOUND", "There is no such setting");
	return name;
}

function defaultOf(key: SettingKey): Setting {
	const { default: value, description } = SETTINGS[key];
	return { key, value, version: 0, description, updated_at: null, updated_by: null };
}
