import type { Tx } from "./db.ts";

/**
 * Sees to it that there is the role `name`, which nobody logs in as, and that the user of `tx` may act as it. Roles
 * belong to the server: another database on it may have brought this one along, or be about to.
 */
export async function provideRole(tx: Tx, name: string): Promise<void> {
	await tx.query(`
		DO $provide$
		DECLARE
			since_16 CONSTANT boolean := current_setting('server_version_num')::integer >= 160000;
		BEGIN
			IF to_regrole('${name}') IS NULL THEN
				BEGIN
					CREATE ROLE ${name} NOLOGIN;
				EXCEPTION WHEN duplicate_object OR unique_violation THEN
					NULL; -- somebody was quicker
				END;
			END IF;
			IF NOT pg_has_role(current_user, '${name}', CASE WHEN since_16 THEN 'SET' ELSE 'MEMBER' END) THEN
				EXECUTE format('GRANT ${name} TO %I', current_user);
			END IF;
		EXCEPTION WHEN insufficient_privilege THEN
			RAISE insufficient_privilege USING MESSAGE = format(
				'User %1$I may not provide the role ${name}: let an administrator of the server run'
				' "CREATE ROLE ${name} NOLOGIN" unless it is there, and "GRANT ${name} TO %1$I", then migrate again',
				current_user);
		END $provide$`);
}
