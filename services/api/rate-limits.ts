import type { ServerResponse } from "node:http";
import type { Redis } from "ioredis";
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { Principal } from "../../contracts/common.ts";
import type { Env } from "../../lib/env.ts";
import { refuse } from "../../lib/refuse.ts";
import { hashOf } from "../../lib/token-hash.ts";
import { networkOf } from "./client-address.ts";
import { LOGIN_WINDOW_S, RATE_WINDOW_S, REDIS_REST_MS, REGISTRATION_WINDOW_S, RETRY_AFTER_S } from "./limits.ts";

type Settings = Pick<Env, "namespace" | "userRateLimit" | "addressRateLimit" | "loginLimit" | "registrationLimit">;

export interface RateLimits {
	/** What every answer tells of them, as `RateLimit-Policy` has it. */
	readonly policy: string;
	/** Counts a request of a user or of one of his API keys, and tells of it on `response`; refuses `RATE_LIMITED`. */
	countUser(user: Principal, response: ServerResponse): Promise<void>;
	/** The same of a request whose sender is not known. */
	countAddress(address: string, response: ServerResponse): Promise<void>;
	/** Refuses `RATE_LIMITED` when nothing is left to an address; counts nothing. */
	assertAddress(address: string): Promise<void>;
	/**
	 * Counts a try to log in to an account from an address; refuses `RATE_LIMITED`, and `SERVICE_UNAVAILABLE` where tries
	 * cannot be counted.
	 */
	countLogin(account: string, address: string): Promise<void>;
	/** Forgets the tries, since one was right. */
	forgetLogins(account: string, address: string): Promise<void>;
	/** Counts a try to register from an address; refuses `RATE_LIMITED`. */
	countRegistration(address: string): Promise<void>;
}

/** Counts something by key, or only looks at its count; null when there is none. */
interface Counter {
	/** The numbers of one that is over the limit, too. */
	count(key: string): Promise<RateLimiterRes>;
	look(key: string): Promise<RateLimiterRes | null>;
}

/** Counts requests: in `redis` together with the other gateways, or in the memory of this one. */
export function rateLimits(settings: Settings, redis: Redis | null): RateLimits {
	const { namespace, userRateLimit, addressRateLimit, loginLimit, registrationLimit } = settings;
	const limiter = (name: string, points: number, duration: number, storeClient: Redis | null): RateLimiterAbstract => {
		const options = { keyPrefix: `${namespace}-rate-${name}`, points, duration };
		return storeClient ? new RateLimiterRedis({ ...options, storeClient }) : new RateLimiterMemory(options);
	};
	const counter = (name: string, points: number, duration: number) => {
		const own = counting(limiter(name, points, duration, null));
		return redis ? orElse(counting(limiter(name, points, duration, redis)), own) : own;
	};
	const users = counter("user", userRateLimit, RATE_WINDOW_S);
	const addresses = counter("address", addressRateLimit, RATE_WINDOW_S);
	const registrations = counter("registration", registrationLimit, REGISTRATION_WINDOW_S);
	const logins = limiter("login", loginLimit, LOGIN_WINDOW_S, redis);
	const countLogins = counting(logins).count;

	async function admit(policy: string, limit: number, count: Promise<RateLimiterRes>, response: ServerResponse) {
		const { remainingPoints, msBeforeNext, consumedPoints } = await count;
		response.setHeader("RateLimit", `"${policy}";r=${remainingPoints};t=${seconds(msBeforeNext)}`);
		if (consumedPoints > limit) throw tooMany("Too many requests", msBeforeNext);
	}

	return {
		policy: [
			`"user";q=${userRateLimit};w=${RATE_WINDOW_S}`,
			`"address";q=${addressRateLimit};w=${RATE_WINDOW_S}`,
			`"login";q=${loginLimit};w=${LOGIN_WINDOW_S}`,
			`"registration";q=${registrationLimit};w=${REGISTRATION_WINDOW_S}`,
		].join(", "),
		countUser: ({ user_id, key_id }, response) =>
			admit("user", userRateLimit, users.count(key_id ?? user_id), response),
		countAddress: (address, response) =>
			admit("address", addressRateLimit, addresses.count(networkOf(address)), response),
		async assertAddress(address) {
			const counted = await addresses.look(networkOf(address));
			if (counted && counted.consumedPoints >= addressRateLimit)
				throw tooMany("Too many requests", counted.msBeforeNext);
		},
		async countLogin(account, address) {
			const { consumedPoints, msBeforeNext } = await countLogins(loginKey(account, address)).catch(() => {
				// Uncounted tries would be as many as anybody likes.
				throw refuse("SERVICE_UNAVAILABLE", "Nobody can log in at this moment", { retry_after_s: RETRY_AFTER_S });
			});
			if (consumedPoints > loginLimit) throw tooMany("Too many tries to log in", msBeforeNext);
		},
		async forgetLogins(account, address) {
			// What cannot be forgotten ends by itself.
			await logins.delete(loginKey(account, address)).catch(() => {});
		},
		async countRegistration(address) {
			const { consumedPoints, msBeforeNext } = await registrations.count(networkOf(address));
			if (consumedPoints > registrationLimit) throw tooMany("Too many tries to register", msBeforeNext);
		},
	};
}

function counting(limiter: RateLimiterAbstract): Counter {
	return {
		count: (key) =>
			limiter.consume(key).catch((error) => {
				if (error instanceof RateLimiterRes) return error;
				throw error;
			}),
		look: (key) => limiter.get(key),
	};
}

/** Counts by `shared`, and by `own` for a while when that cannot be. */
function orElse(shared: Counter, own: Counter): Counter {
	let awayUntil = 0;
	async function either<T>(ask: (counter: Counter) => Promise<T>): Promise<T> {
		if (performance.now() < awayUntil) return ask(own);
		try {
			return await ask(shared);
		} catch {
			awayUntil = performance.now() + REDIS_REST_MS;
			return ask(own);
		}
	}
	return {
		count: (key) => either((counter) => counter.count(key)),
		look: (key) => either((counter) => counter.look(key)),
	};
}

/** Names are anybody's to write, and as long as he likes. */
function loginKey(account: string, address: string): string {
	return hashOf(`${account.toLowerCase()} ${networkOf(address)}`);
}

function tooMany(message: string, msBeforeNext: number): Error {
	return refuse("RATE_LIMITED", message, { retry_after_s: seconds(msBeforeNext) });
}

function seconds(ms: number): number {
	return Math.max(1, Math.ceil(ms / 1_000));
}
