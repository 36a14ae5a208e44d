import { env, givenDatabaseUrls, takeAnyPort } from "../lib/env.ts";
import { STATEFUL_SERVICES, type StatefulService } from "../lib/topology.ts";
import { startEmbedded } from "./embedded.ts";
import { findInstance } from "./instance.ts";
import { shownProgress } from "./progress.ts";
import { runCommand } from "./run.ts";
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

await runCommand(async () => {
	const { urls, leave } = await findSubject();
	try {
		const urlOf = (service: StatefulService) => urls[service] as string;
		const allHold = await verify(urlOf, (finding) => console.log(showFinding(finding)));
		console.log(allHold ? "All invariants hold." : "Some invariants do not hold.");
		if (!allHold) process.exitCode = 1;
	} finally {
		await leave();
	}
});
