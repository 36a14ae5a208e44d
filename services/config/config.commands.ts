import type { Context, ServiceBroker } from "moleculer";
import type { ConfigApi, Setting, SettingInForce } from "../../contracts/config.ts";
import type { Meta } from "../../contracts/index.ts";
import { callerOf, originOf } from "../../lib/caller.ts";
import { refuse, refuseFields } from "../../lib/refuse.ts";
import { SETTINGS } from "../../lib/settings.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { keyOf } from "./config.queries.ts";
import { addVersion } from "./config.store.ts";

type Config = Database & Outbox & { readonly broker: ServiceBroker };

/** Sets a value, unless another did since the caller looked; the services that run by it are told at once. */
export async function setSetting(
	config: Config,
	ctx: Context<Parameters<ConfigApi["set"]>[0], Meta>,
): Promise<Setting> {
	const key = keyOf(ctx.params.key);
	const { value, expected_version: expectedVersion } = ctx.params;
	const wrong = SETTINGS[key].check(value);
	if (wrong) throw refuseFields([{ pointer: "/value", code: "OUT_OF_RANGE", message: wrong }]);
	const by = callerOf(ctx).user_id;

	return config.db.transaction(async (tx) => {
		const setting = await addVersion(tx, { key, value, expectedVersion, by });
		if (!setting) throw refuse("VERSION_CONFLICT", "The setting has another version by now: read it again");
		const inForce: SettingInForce = { key, value, version: setting.version };
		config.stage(tx, [
			{
				type: "config.changed",
				aggregate_id: `setting:${key}`,
				aggregate_seq: setting.version,
				data: { ...inForce, by },
				...originOf(ctx),
			},
		]);
		tx.afterCommit(() => void config.broker.broadcast("config.hint", inForce));
		return setting;
	});
}
