import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Sandbox } from "../../support/sandbox.ts";
import { type Victim, victim } from "../victim.ts";
import type { NodeSettings } from "./node.ts";

/** A node of a service, as a process that comes and goes. */
export interface NodeProcess extends Omit<Victim, "start"> {
	/** Resolves once it works. */
	start(): Promise<void>;
}

const PROGRAM = path.join(import.meta.dirname, "node.ts");

/** A node that is not started yet; `onAccident` is told when it ends although nobody has killed it. */
export function nodeProcess(
	settings: NodeSettings,
	sandbox: Sandbox,
	onAccident: (accident: string) => void,
): NodeProcess {
	const node = victim({
		name: settings.name,
		sandbox,
		launch: (output, env) =>
			fork(PROGRAM, { stdio: ["ignore", "ignore", output, "ipc"], env: { ...process.env, ...env } }),
		onDeath: ({ story }) => onAccident(story),
	});
	return {
		...node,
		async start() {
			const started = node.start();
			started.send(settings);
			await Promise.race([once(started, "message"), once(started, "exit")]);
		},
	};
}
