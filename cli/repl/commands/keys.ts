import type { SigningKey } from "../../../contracts/auth.ts";
import { call } from "../../../lib/service.ts";
import type { ReplCommand } from "../command.ts";
import { printTable } from "../table.ts";

/** `keys`: the keys of access tokens. */
export const keys: ReplCommand = {
	name: "keys",
	description: "Show the keys that access tokens are signed with",
	options: [],
	async run(broker) {
		printKeys(await call(broker, "auth.signingKeys"));
	},
};

/** `keys rotate`: a new one. */
export const keysRotate: ReplCommand = {
	name: "keys rotate",
	description: "Have access tokens signed with a new key, ten minutes from now",
	options: [{ option: "--compromised", description: "at once, and refuse every access token of before" }],
	async run(broker, given) {
		printKeys(await call(broker, "auth.rotateSigningKey", { compromised: given["compromised"] === true }));
	},
};

function printKeys(found: readonly SigningKey[]): void {
	const rows = found.map(({ kid, state, created_at }) => [kid, state, created_at]);
	printTable(["key", "state", "since"], rows, { nothing: "There is none yet" });
}
