import type { SigningKeyState } from "../../../contracts/auth.ts";

/** A signing key and how long ago it was made. */
export interface Aged {
	readonly kid: string;
	readonly age_s: number;
}

/**
 * A new key is published for so long before it signs: by then whoever verifies has asked for the keys again, a gateway
 * every five minutes, others by the `max-age` of the answer.
 */
const PUBLISHED_AHEAD_S = 10 * 60;

/** By so much the clocks of whoever verifies may be behind. */
const LEEWAY_S = 60;

/** What each of `keys`, newest first, is good for. The first key of all signs at once, for nobody has known another. */
export function statesOf(keys: readonly Aged[]): SigningKeyState[] {
	const ripe = keys.findIndex((key) => key.age_s >= PUBLISHED_AHEAD_S);
	const signing = ripe === -1 ? keys.length - 1 : ripe;
	return keys.map((_, i) => (i < signing ? "published" : i === signing ? "signing" : "retired"));
}

/** The retired ones among `keys`, newest first, of which no token is good any more; tokens are good for `lifetimeS`. */
export function spentKeys(keys: readonly Aged[], lifetimeS: number): string[] {
	const states = statesOf(keys);
	const successor = keys[states.indexOf("signing")];
	if (!successor || successor.age_s < PUBLISHED_AHEAD_S + lifetimeS + LEEWAY_S) return [];
	return keys.filter((_, i) => states[i] === "retired").map(({ kid }) => kid);
}
