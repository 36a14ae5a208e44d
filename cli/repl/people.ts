import type { ServiceBroker } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { User } from "../../contracts/users.ts";
import { call } from "../../lib/service.ts";

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The user of that name or id. */
export async function userOf(broker: ServiceBroker, nameOrId: string): Promise<User> {
	const user = UUID.test(nameOrId)
		? await call(broker, "users.find", { user_id: nameOrId.toLowerCase() })
		: await call(broker, "users.resolve", { username: nameOrId });
	if (!user) throw new Error(`There is no user '${nameOrId}'`);
	return user;
}

/** Options of a call on behalf of a user: the audit tells it from his own by its session. */
export function onBehalfOf({ user_id, username }: User): { readonly meta: Meta } {
	return { meta: { user: { user_id, username, roles: ["trader"], session_id: "repl" } } };
}
