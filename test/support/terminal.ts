import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { until } from "./until.ts";

/** A program in a terminal of its own, as a person has it. */
export interface Terminal {
	/** Types a line, and Enter. */
	type(line: string): void;
	/** What the terminal shows, with what has scrolled away. */
	screen(): string;
	/** Types a line and gives what came of it, once `pattern` is found in that. */
	ask(line: string, pattern: RegExp): Promise<string>;
	close(): void;
}

const COLUMNS = "180";
const ROWS = "50";
const PATIENCE_MS = 30_000;

/** Runs `command` in tmux, with nothing but `env` and its own in the environment. */
export function openTerminal(command: readonly string[], env: Readonly<Record<string, string>>): Terminal {
	const socket = `agt-test-${randomBytes(6).toString("hex")}`;
	const tmux = (...args: string[]) => execFileSync("tmux", ["-L", socket, ...args], { encoding: "utf8" });
	const { PATH = "" } = process.env;
	const given = Object.entries({ PATH, TERM: "screen", ...env }).map(([name, value]) => `${name}=${value}`);
	// What has scrolled away is kept.
	tmux(
		"set-option",
		"-g",
		"history-limit",
		"10000",
		";",
		"new-session",
		"-d",
		"-x",
		COLUMNS,
		"-y",
		ROWS,
		"env",
		"-i",
		...given,
		...command,
	);
	const screen = () => tmux("capture-pane", "-p", "-J", "-S", "-");
	const type = (line: string) => void tmux("send-keys", "-l", line) + tmux("send-keys", "Enter");
	return {
		screen,
		type,
		async ask(line, pattern) {
			const before = screen().trimEnd().length;
			type(line);
			const answer = () => screen().trimEnd().slice(before);
			await until(() => pattern.test(answer()), PATIENCE_MS, 100).catch((error: Error) => {
				throw new Error(`${error.message}: '${line}' was answered by\n${answer()}`);
			});
			return answer();
		},
		// It has ended by itself when its program has.
		close: () => void spawnSync("tmux", ["-L", socket, "kill-server"]),
	};
}
