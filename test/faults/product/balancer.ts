import { setTimeout as delay } from "node:timers/promises";
import { httpClient, type Reply, type Send } from "../../support/http-client.ts";

/** Sends each request to one of several gateways, as a load balancer would. */
export interface Balancer {
	readonly send: Send;
	/** How many gateways are ready and see every service, as the last probes told. */
	whole(): number;
	stop(): Promise<void>;
}

interface Gateway {
	readonly send: Send;
	ready: boolean;
	whole: boolean;
}

/** The usual of a readiness probe, and twice as often. */
const PROBE_EVERY_MS = 500;
const PROBE_TIMEOUT_MS = 1_000;

const NO_ANSWER: Pick<Reply, "status" | "body"> = { status: 0, body: {} };

/** Where no gateway is left a connection is tried so often, so far apart: as HAProxy does unless told otherwise. */
const CONNECT_TRIES = 4;
const CONNECT_AGAIN_MS = 1_000;

/**
 * Gateways take turns while their `GET /health/ready` answers 200. One that does not, or that has refused or broken a
 * connection, gets no requests until it is ready; when none is, all do. Nothing is sent twice: what fails, fails. A
 * connection that was refused has sent nothing.
 */
export function balancer(urls: readonly string[]): Balancer {
	const gateways = urls.map((url): Gateway => ({ send: httpClient(url), ready: false, whole: false }));
	const stopping = new AbortController();
	let turn = 0;

	async function probe(gateway: Gateway): Promise<void> {
		while (!stopping.signal.aborted) {
			const answer = gateway.send("GET /health/ready", { timeoutMs: PROBE_TIMEOUT_MS });
			const { status, body } = await answer.catch(() => NO_ANSWER);
			gateway.ready = status === 200;
			gateway.whole = body["status"] === "ok";
			await delay(PROBE_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
		}
	}

	const anyReady = () => gateways.some(({ ready }) => ready);
	const probes = gateways.map(probe);
	return {
		async send(route, sent): Promise<Reply> {
			for (let tries = 1; ; tries++) {
				const among = anyReady() ? gateways.filter(({ ready }) => ready) : gateways;
				const gateway = among[turn++ % among.length] as Gateway;
				try {
					return await gateway.send(route, sent);
				} catch (error) {
					gateway.ready = false;
					if (anyReady() || !wasRefused(error) || tries === CONNECT_TRIES) throw error;
					await delay(CONNECT_AGAIN_MS);
				}
			}
		},
		whole: () => gateways.filter((gateway) => gateway.whole).length,
		async stop() {
			stopping.abort();
			await Promise.all(probes);
		},
	};
}

function wasRefused(error: unknown): boolean {
	const { code } = ((error as Error).cause ?? {}) as { readonly code?: string };
	return code === "ECONNREFUSED";
}
