import { spawn } from "node:child_process";
import path from "node:path";
import type { ArmedFailpoint } from "../../../lib/failpoint.ts";
import type { Sandbox } from "../../support/sandbox.ts";
import { type Death, type Victim, victim } from "../victim.ts";
import { type Mode, PARTS } from "./layout.ts";

/** The product as processes. */
export interface Deployment {
	/** Starts a process, which may be armed to kill itself. */
	start(name: string, at: ArmedFailpoint | null): void;
	/** Kills a process from outside. */
	kill(name: string): Promise<void>;
	/** Resolves when the process has killed itself. */
	died(name: string): Promise<void>;
	/** What ended although nobody had told it to. */
	readonly accidents: readonly string[];
	/** Kills all. */
	stop(): Promise<void>;
}

interface DeploymentOptions {
	readonly mode: Mode;
	readonly sandbox: Sandbox;
	/** The environment of every process. */
	readonly settings: Readonly<Record<string, string>>;
}

const CLI = path.join(import.meta.dirname, "../../../cli");
const PRELOADED = path.join(import.meta.dirname, "../flush-compile-cache.ts");

/** One life of a process. */
interface Life {
	readonly armed: boolean;
	readonly died: Promise<void>;
	end(): void;
}

/** The processes of `mode`, none of them started. */
export function deployment({ mode, sandbox, settings }: DeploymentOptions): Deployment {
	const accidents: string[] = [];
	const lives = new Map<string, Life>();
	const parts = new Map(PARTS[mode].map((part) => [part.name, victimOf(part.name, part.services)]));

	function victimOf(name: string, services: readonly string[]): Victim {
		const own = mode === "cluster" ? { SERVICES: services.join(","), NODE_ID: name } : {};
		const program = path.join(CLI, mode === "cluster" ? "service.ts" : "start.ts");
		const { PATH = "", HOME = "" } = process.env;
		return victim({
			name,
			sandbox,
			launch: (output, env) =>
				spawn(process.execPath, ["--import", PRELOADED, program], {
					stdio: ["ignore", output, output],
					env: { PATH, HOME, ...settings, ...own, ...env },
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
		const part = parts.get(name);
		if (!part) throw new Error(`there is no process '${name}'`);
		return part;
	}

	return {
		accidents,
		start(name, at) {
			const { promise: died, resolve: end } = Promise.withResolvers<void>();
			lives.set(name, { armed: at !== null, died, end });
			find(name).start(at ? { FAILPOINT: `${at.name}:${at.passing}` } : {});
		},
		kill: (name) => find(name).kill(),
		died: async (name) => lives.get(name)?.died,
		async stop() {
			await Promise.all([...parts.values()].map((part) => part.kill()));
		},
	};
}
