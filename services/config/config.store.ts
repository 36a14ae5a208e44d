import type { Setting, SettingKey, SettingValue } from "../../contracts/config.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { SETTINGS } from "../../lib/settings.ts";

interface VersionRow {
	key: SettingKey;
	version: number;
	value: SettingValue;
	updated_at: Date;
	updated_by: string;
}

function settingOf({ updated_at, ...row }: VersionRow): Setting {
	return { ...row, description: SETTINGS[row.key].description, updated_at: updated_at.toISOString() };
}

/** The settings of `keys` that somebody has set, in no order. */
export async function latestVersions(db: Db, keys: readonly SettingKey[]): Promise<Setting[]> {
	const rows = await db.query<VersionRow>(
		"SELECT DISTINCT ON (key) * FROM setting_versions WHERE key = ANY($1::text[]) ORDER BY key, version DESC",
		[keys],
	);
	return rows.map(settingOf);
}

/** The versions of a setting, newest first. */
export async function versionsOf(db: Db, key: SettingKey, limit: number): Promise<Setting[]> {
	const rows = await db.query<VersionRow>(
		"SELECT * FROM setting_versions WHERE key = $1 ORDER BY version DESC LIMIT $2",
		[key, limit],
	);
	return rows.map(settingOf);
}

/** Adds the version after `expectedVersion`; null when that is not the latest. The primary key lets one of two win. */
export async function addVersion(
	tx: Tx,
	change: {
		readonly key: SettingKey;
		readonly value: SettingValue;
		readonly expectedVersion: number;
		readonly by: string;
	},
): Promise<Setting | null> {
	const [row] = await tx.query<VersionRow>(
		`INSERT INTO setting_versions (key, version, value, updated_by)
		SELECT $1, $2 + 1, $3::jsonb, $4
		WHERE $2 = (SELECT coalesce(max(version), 0) FROM setting_versions WHERE key = $1)
		ON CONFLICT DO NOTHING RETURNING *`,
		[change.key, change.expectedVersion, JSON.stringify(change.value), change.by],
	);
	return row ? settingOf(row) : null;
}
