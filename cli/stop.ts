import { usageError } from "./run.ts";

/** Ctrl-C reaches us twice when npm passes on what the terminal has sent already. */
const SAME_SIGNAL_MS = 500;

/** Aborted by `ask`, Ctrl-C or SIGTERM; a second signal ends the process as it stands. */
export function onStopAsked(): { readonly stopAsked: AbortSignal; readonly ask: () => void } {
	const controller = new AbortController();
	let askedAt = 0;
	const ask = () => {
		if (askedAt === 0) {
			askedAt = performance.now();
			controller.abort(usageError("Stopped"));
		} else if (performance.now() - askedAt > SAME_SIGNAL_MS) {
			process.exit(1);
		}
	};
	process.on("SIGINT", ask);
	process.on("SIGTERM", ask);
	return { stopAsked: controller.signal, ask };
}
