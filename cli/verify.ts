import { parseArgs } from "node:util";
import { env, givenDatabaseUrls, takeAnyPort } from "../lib/env.ts";
import { STATEFUL_SERVICES, type StatefulService } from "../lib/topology.ts";
import { startEmbedded } from "./embedded.ts";
import { findInstance } from "./instance.ts";
import { shownProgress } from "./progress.ts";
import { runCommand } from "./run.ts";
import { type Rebuilt, rebuildInvariant } from "./verify/rebuild.ts";
import { showFinding, verify } from "./verify/run.ts";

/** Whose databases are checked, and how to leave them as they were. */
interface Subject {
	readonly urls: Readonly<Record<string, string>>;
	leave(): Promise<void>;
}

/** The running instance; else the databases that the environment names; else one that is started for the check. */
async function findSubject(): Promise<Subject> {
	const running = await findInstance(env().dataDir);
	if (running) return { urls: running.databases, leave: async () => {} };
	const given = givenDatabaseUrls();
	if (STATEFUL_SERVICES.every((service) => given[service])) return { urls: given, leave: async () => {} };
	console.log("No instance runs: one is started for the check.");
	takeAnyPort();
	const embedded = await startEmbedded(shownProgress);
	return { urls: embedded.databases, leave: embedded.stop };
}

function showRebuilt({ live, orders, accounts, positions, unknown }: Rebuilt): string {
	const count = (n: number, what: string) => `${n.toLocaleString("en")} ${what}`;
	const state = [count(orders, "open orders"), count(accounts, "accounts"), count(positions, "positions")].join(", ");
	const lines = [
		`${state}: ${live}`,
		...(unknown > 0 ? [count(unknown, "open orders that the log no longer knows")] : []),
	];
	return lines.map((line) => `         ${line}`).join("\n");
}

await runCommand(async () => {
	const { values } = parseArgs({ options: { rebuild: { type: "boolean", default: false } } });
	const more = values.rebuild ? [rebuildInvariant((rebuilt) => console.log(showRebuilt(rebuilt)))] : [];
	const { urls, leave } = await findSubject();
	try {
		const urlOf = (service: StatefulService) => urls[service] as string;
		const allHold = await verify(urlOf, (finding) => console.log(showFinding(finding)), undefined, more);
		console.log(allHold ? "All invariants hold." : "Some invariants do not hold.");
		if (!allHold) process.exitCode = 1;
	} finally {
		await leave();
	}
});
