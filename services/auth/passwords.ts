import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { hash, verify } from "@node-rs/argon2";
import { refuse } from "../../lib/refuse.ts";

/** Long enough for any phrase; hashing costs the same for all of them, sending and keeping them in memory does not. */
export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 128;

/** OWASP's choice for argon2id, the library's default algorithm: 19 MiB, 2 passes, 1 lane. Some 10 ms of a core. */
const COST = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

/** Half of the cores, so that a wave of logins cannot starve the orders of the same process. */
const CONCURRENCY = Math.max(1, Math.floor(availableParallelism() / 2));

/** What waits behind this many is answered too late to be worth it. */
const MAX_WAITING = 100;

export interface Passwords {
	/** The password as it is to be kept. */
	hash(password: string): Promise<string>;
	/** Whether `password` is the one that was kept as `kept`; without one it takes as long and says no. */
	verify(kept: string | null, password: string): Promise<boolean>;
}

/** Hashes passwords, a few at a time; refuses `CAPACITY_EXCEEDED` when too many wait. */
export function passwords(): Passwords {
	const turn = turnstile(CONCURRENCY, MAX_WAITING);
	const nobodys = turn(() => hash(randomBytes(32), COST));
	return {
		hash: (password) => turn(() => hash(password.normalize("NFKC"), COST)),
		async verify(kept, password) {
			const against = kept ?? (await nobodys);
			const matches = await turn(() => verify(against, password.normalize("NFKC")));
			return matches && kept !== null;
		},
	};
}

/** Lets `concurrency` pieces of work run and `maxWaiting` more wait for their turn. */
function turnstile(concurrency: number, maxWaiting: number) {
	const waiting: (() => void)[] = [];
	let running = 0;
	return async <T>(work: () => Promise<T>): Promise<T> => {
		if (running >= concurrency) {
			if (waiting.length >= maxWaiting) throw refuse("CAPACITY_EXCEEDED", "Too many are logging in at this moment");
			await new Promise<void>((resolve) => waiting.push(resolve));
		} else {
			running += 1;
		}
		try {
			return await work();
		} finally {
			// Whoever is next takes over the place, so that nobody slips in between.
			const next = waiting.shift();
			if (next) next();
			else running -= 1;
		}
	};
}
