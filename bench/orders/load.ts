import { setTimeout as delay } from "node:timers/promises";
import { percentilesOf } from "../statistics.ts";
import { type Answer, connect } from "./connection.ts";

/** What is sent: the n-th request of all, and whether its answer is what it must be. */
export interface Traffic {
	readonly url: string;
	request(n: number): Buffer;
	isGood(answer: Answer): boolean;
}

/** Rates per second, latencies in ms from when a request was to be sent. */
export interface LoadFigures {
	readonly connections: number;
	/** Null where each connection sent as soon as it had its answer. */
	readonly offered_per_s: number | null;
	readonly answered: number;
	readonly per_s: number;
	readonly p50_ms: number;
	readonly p95_ms: number;
	readonly p99_ms: number;
	readonly max_ms: number;
	/** Answers other than those asked for. */
	readonly failed: number;
}

interface LoadOptions {
	readonly connections: number;
	readonly seconds: number;
	/** Requests are due at this rate, whether or not earlier ones have been answered; without it as fast as can be. */
	readonly perS?: number;
}

/** Sends `traffic` for some time and gives what came of it; its requests are numbered on from `first`. */
export async function sendLoad(traffic: Traffic, options: LoadOptions, first = 0): Promise<LoadFigures> {
	const { connections: count, seconds, perS } = options;
	const connections = await Promise.all(Array.from({ length: count }, () => connect(traffic.url)));
	const latencies: number[] = [];
	let failed = 0;
	let next = 0;
	const startedAt = performance.now();
	const endAt = startedAt + seconds * 1_000;

	/** When the n-th request is due. */
	const dueAt = (n: number) => (perS ? startedAt + (n / perS) * 1_000 : performance.now());
	await Promise.all(
		connections.map(async (connection) => {
			for (;;) {
				const n = next++;
				const due = dueAt(n);
				if (due >= endAt) return;
				if (due > performance.now()) await delay(due - performance.now());
				const answer = await connection.send(traffic.request(first + n));
				latencies.push(performance.now() - due);
				if (!traffic.isGood(answer)) failed += 1;
			}
		}),
	);
	const tookS = (performance.now() - startedAt) / 1_000;
	for (const connection of connections) connection.close();
	return {
		connections: count,
		offered_per_s: perS ?? null,
		answered: latencies.length,
		per_s: latencies.length / tookS,
		...spread(latencies),
		failed,
	};
}

function spread(latencies: number[]): Pick<LoadFigures, "p50_ms" | "p95_ms" | "p99_ms" | "max_ms"> {
	const at = percentilesOf(latencies);
	return { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: at(1) };
}
