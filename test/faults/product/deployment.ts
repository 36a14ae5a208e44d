import { spawn } from "node:child_process";
import path from "node:path";
import type { ArmedFailpoint } from "../../../lib/failpoint.ts";
import type { Sandbox } from "../../support/sandbox.ts";
import { type Death, type Victim, victim } from "../victim.ts";

/** The product as processes. */
export interface Deployment {
	/** Starts a process: one that is armed kills itself there; `settings` are of this life alone. */
	start(name: string, life?: { readonly at?: ArmedFailpoint | null; readonly settings?: Settings }): void;
	/** Kills a process from outside. */
	kill(name: string): Promise<void>;
	/** Asks a process to end; gives how it did: an exit code, or the name of a signal. */
	end(name: string): Promise<number | string>;
	/** Stops a process where it stands, until it is resumed. */
	pause(name: string): void;
	resume(name: string): void;
	/** Resolves when the process has killed itself. */
	died(name: string): Promise<void>;
	/** What ended although nobody had told it to. */
	readonly accidents: readonly string[];
	/** Kills all. */
	stop(): Promise<void>;
}

type Settings = Readonly<Record<string, string>>;

/** A process: a program of `cli/` in its environment. */
export interface Process {
	readonly name: string;
	readonly program: "service" | "start";
	readonly settings: Settings;
}

const CLI = path.join(import.meta.dirname, "../../../cli");
const PRELOADED = path.join(import.meta.dirname, "../flush-compile-cache.ts");

/** One life of a process. */
interface Life {
	readonly armed: boolean;
	readonly died: Promise<void>;
	end(): void;
}

/** `processes` in `sandbox`, none of them started. */
export function deployment(sandbox: Sandbox, processes: readonly Process[]): Deployment {
	const accidents: string[] = [];
	const lives = new Map<string, Life>();
	const victims = new Map(processes.map((process) => [process.name, victimOf(process)]));

	function victimOf({ name, program, settings }: Process): Victim {
		const { PATH = "", HOME = "" } = process.env;
		return victim({
			name,
			sandbox,
			launch: (output, env) =>
				spawn(process.execPath, ["--import", PRELOADED, path.join(CLI, `${program}.ts`)], {
					stdio: ["ignore", output, output],
					env: { PATH, HOME, ...settings, ...env },
				}),
			onDeath: (death) => bury(name, death),
		});
	}

	function bury(name: string, { signal, story }: Death): void {
		const life = lives.get(name);
		if (signal !== "SIGKILL" || !life?.armed) accidents.push(story);
		life?.end();
	}

	function find(name: string): Victim {
		const found = victims.get(name);
		if (!found) throw new Error(`there is no process '${name}'`);
		return found;
	}

	return {
		accidents,
		start(name, { at = null, settings = {} } = {}) {
			const { promise: died, resolve: end } = Promise.withResolvers<void>();
			lives.set(name, { armed: at !== null, died, end });
			find(name).start({ ...settings, ...(at && { FAILPOINT: `${at.name}:${at.passing}` }) });
		},
		kill: (name) => find(name).kill(),
		end: (name) => find(name).end(),
		pause: (name) => find(name).pause(),
		resume: (name) => find(name).resume(),
		died: async (name) => lives.get(name)?.died,
		async stop() {
			await Promise.all([...victims.values()].map((each) => each.kill()));
		},
	};
}
