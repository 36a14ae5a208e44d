import { Redis, type RedisOptions } from "ioredis";

/** A Redis on the same network answers in less than one; whoever waits for it would rather do without. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2_000;

/** How soon a connection that was lost is tried again: at first, and at most. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

/** How to reach the Redis at `url` so that no command ever waits for one that is away. */
export function redisOptions(url: string): RedisOptions {
	const { hostname, port, username, password, pathname, protocol } = new URL(url);
	return {
		host: hostname.replace(/^\[(.*)\]$/, "$1"),
		...(port && { port: Number(port) }),
		...(username && { username: decodeURIComponent(username) }),
		...(password && { password: decodeURIComponent(password) }),
		db: Number(pathname.slice(1)) || 0,
		...(protocol === "rediss:" && { tls: {} }),
		commandTimeout: COMMAND_TIMEOUT_MS,
		connectTimeout: CONNECT_TIMEOUT_MS,
		enableOfflineQueue: false,
		maxRetriesPerRequest: 0,
		autoResendUnfulfilledCommands: false,
		retryStrategy: (attempt) => Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), MAX_RETRY_MS),
	};
}

/** A connection to the Redis at `url`, made behind the caller's back and again whenever it is lost. */
export function openRedis(url: string, logger: { warn(message: string, error: unknown): void }): Redis {
	const redis = new Redis(redisOptions(url));
	let isDown = false;
	redis.on("ready", () => (isDown = false));
	redis.on("error", (error) => {
		if (!isDown) logger.warn("Redis cannot be reached", error);
		isDown = true;
	});
	return redis;
}
