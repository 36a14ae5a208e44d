/** Work that is done again and again while the service runs. */
export interface Rounds {
	/** Begins a round now, or another one after that which is under way: it may be past what has come up since. */
	kick(): void;
	/** Begins no more; resolves when the round under way has ended, which its signal tells to be soon. */
	stop(): Promise<void>;
}

interface RoundsOptions {
	readonly everyMs: number;
	round(signal: AbortSignal): Promise<void>;
	/** What a round fails by; the next one tries again. */
	onError(error: unknown): void;
}

/** Starts rounds, of which there is never more than one at a time. */
export function startRounds({ everyMs, round, onError }: RoundsOptions): Rounds {
	const stopping = new AbortController();
	let running: Promise<void> = Promise.resolve();
	let idle = true;
	let kicked = false;
	const begin = () => {
		if (!idle || stopping.signal.aborted) return;
		idle = false;
		kicked = false;
		running = round(stopping.signal)
			.catch(onError)
			.finally(() => {
				idle = true;
				if (kicked) begin();
			});
	};
	const timer = setInterval(begin, everyMs);
	return {
		kick() {
			kicked = true;
			begin();
		},
		async stop() {
			clearInterval(timer);
			stopping.abort();
			await running;
		},
	};
}
