import { givenDatabaseUrls } from "../../../lib/env.ts";
import { databaseVariable, STATEFUL_SERVICES, type StatefulService } from "../../../lib/topology.ts";
import { rebuildInvariant } from "../../verify/rebuild.ts";
import { showFinding, verify as verifyAll } from "../../verify/run.ts";
import type { ReplCommand } from "../command.ts";

/** `verify`: the invariants, read from the databases themselves. */
export const verify: ReplCommand = {
	name: "verify",
	description: "Check all invariants on the databases",
	options: [{ option: "--rebuild", description: "also make books, balances and positions again from the log" }],
	async run(_broker, given) {
		const urls = givenDatabaseUrls();
		const missing = STATEFUL_SERVICES.filter((service) => !urls[service]);
		if (missing.length > 0) {
			throw new Error(`This terminal needs every database's URL: set ${missing.map(databaseVariable).join(", ")}`);
		}
		const more = given["rebuild"] === true ? [rebuildInvariant(() => {})] : [];
		const urlOf = (service: StatefulService) => urls[service] as string;
		const allHold = await verifyAll(urlOf, (finding) => console.log(showFinding(finding)), undefined, more);
		console.log(allHold ? "All invariants hold." : "Some invariants do not hold.");
	},
};
