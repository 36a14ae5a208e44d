import { Resolver } from "node:dns/promises";

/** Of each name server, tried twice. */
const ANSWER_TIMEOUT_MS = 1_000;
const TRIES = 2;

/** Gives the addresses of a host; rejects when there are none or the name servers do not say. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * Asks the name servers, and no more than them: names of this machine and of its own domain mean nothing to a customer.
 * Unlike `dns.lookup` this takes no thread, of which a process has four, so name servers that never answer hold up
 * nobody else.
 */
export const resolveHost: Resolve = async (host, signal) => {
	const resolver = new Resolver({ timeout: ANSWER_TIMEOUT_MS, tries: TRIES });
	const cancel = () => resolver.cancel();
	signal.addEventListener("abort", cancel, { once: true });
	try {
		const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
		const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
		if (addresses.length === 0) throw new Error(`${host} has no address`);
		return addresses;
	} finally {
		signal.removeEventListener("abort", cancel);
	}
};
