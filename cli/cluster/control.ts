import type net from "node:net";
import { createInterface } from "node:readline";
import { connectToInstance, type Greeting } from "../instance.ts";
import { usageError } from "../run.ts";
import type { Crew } from "./crew.ts";
import { showMembers } from "./table.ts";

/** What a running cluster is asked to do. */
export interface Command extends Greeting {
	readonly control: "status" | "restart" | "stop";
	/** Of a restart: a service or a node, or null for all. */
	readonly target: string | null;
}

/** A line of the answer; the last one says whether all went well. */
type Answer = { readonly text: string } | { readonly ok: boolean };

/** Does what the other end of `socket` asks for, and tells it how that goes. */
export async function serveControl(
	socket: net.Socket,
	greeting: Greeting,
	crew: Crew | null,
	askStop: () => void,
): Promise<void> {
	const send = (answer: Answer) => socket.writable && socket.write(`${JSON.stringify(answer)}\n`);
	const { control, target } = greeting as Command;
	try {
		// The end of the connection is then that of the cluster.
		if (control === "stop") {
			send({ ok: true });
			return askStop();
		}
		if (!crew) throw usageError("The cluster is still starting: try again in a moment");
		else if (control === "restart") await crew.restart(target, (text) => send({ text }));
		else send({ text: showMembers(crew.list()) });
		send({ ok: true });
	} catch (error) {
		send({ text: (error as Error).message });
		send({ ok: false });
	}
	socket.end();
}

/** Answers what is asked of a cluster where `npm start` runs. */
export function refuseControl(socket: net.Socket): void {
	const answers: readonly Answer[] = [
		{ text: "Here 'npm start' runs, and no cluster: Ctrl-C stops it" },
		{ ok: false },
	];
	socket.end(answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""));
}

/** Has the cluster that runs on `dataDir` do `command`, and prints what it tells; gives whether all went well. */
export async function sendCommand(dataDir: string, command: Command): Promise<boolean> {
	const socket = await connectToInstance(dataDir);
	if (!socket) throw usageError(`No cluster runs on ${dataDir}: start it with 'npm run cluster'`);
	socket.write(`${JSON.stringify(command)}\n`);
	let ok = false;
	for await (const line of createInterface({ input: socket })) {
		const answer = JSON.parse(line) as Answer;
		if ("ok" in answer) ({ ok } = answer);
		else console.log(answer.text);
	}
	return ok;
}
