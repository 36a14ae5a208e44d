import { type BrokerOptions, Cachers } from "moleculer";
import { redisOptions } from "./redis.ts";

/** How soon a Redis that hangs is noticed, and left alone until it answers again. */
const PING_INTERVAL_MS = 1_000;

/** A cache entry may be stale for this long: nodes tell each other nothing of theirs. */
const TTL_S = 5;
const MAX_ENTRIES = 10_000;

type Cacher = Exclude<BrokerOptions["cacher"], undefined>;

/** Moleculer's cacher: in the Redis at `redisUrl`, which all nodes share, or in the node's own memory. */
export function cacher(redisUrl: string | null): Cacher {
	return redisUrl ? sharedCacher(redisUrl) : { type: "MemoryLRU", options: { ttl: TTL_S, max: MAX_ENTRIES } };
}

/**
 * Moleculer's own fails a request when Redis does, and ends the process when an answer cannot be kept: here both are a
 * miss, and the answer comes from where it always does.
 */
function sharedCacher(redisUrl: string): Cacher {
	const shared = new Cachers.Redis({
		ttl: TTL_S,
		redis: redisOptions(redisUrl),
		pingInterval: PING_INTERVAL_MS,
	});
	const get = shared.get.bind(shared);
	const set = shared.set.bind(shared);
	shared.get = (key) => get(key).catch(() => shared.opts.missingResponse);
	shared.set = (key, value, ttl) => set(key, value, ttl).catch(() => {});
	const close = shared.close.bind(shared);
	shared.close = () => close().catch(() => void shared.client.disconnect());
	return shared as Cacher;
}
