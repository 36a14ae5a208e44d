import { call } from "../../../lib/service.ts";
import { type ReplCommand, textOf } from "../command.ts";
import { userOf } from "../people.ts";

/** `password USER`: a new one for who has lost his, or should not be known by others. */
export const password: ReplCommand = {
	name: "password",
	args: "<user>",
	description: "Give a user, by name or id, a new random password; ends his sessions, his API keys stay",
	options: [],
	async run(broker, given) {
		const user = await userOf(broker, textOf(given, "user") ?? "");
		const reset = await call(broker, "auth.resetPassword", { user_id: user.user_id });
		console.log(`The password of ${user.username} is now ${reset.password}`);
	},
};
