import type { IncomingMessage } from "node:http";
import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import { addressMatcher } from "../../lib/address-ranges.ts";

/** Whoever has one address of IPv6 usually has all that share its first half. */
const NETWORK_HEXTETS = 4;

/**
 * Gives the address that a request comes from: of a connection from one of `proxies` it is the last in
 * `X-Forwarded-For` that is none of them, since what stands before it anybody may have written.
 */
export function clientAddress(proxies: readonly string[]): (request: IncomingMessage) => string {
	const isProxy = addressMatcher(proxies);
	return ({ socket, headers }) => {
		const peer = socket.remoteAddress ?? "";
		if (!isProxy(peer)) return peer;
		const forwarded = [headers["x-forwarded-for"] ?? ""].flat().join(",").split(",").reverse();
		let address = peer;
		for (const text of forwarded) {
			const hop = text.trim();
			if (!isIPv4(hop) && !isIPv6(hop)) return address;
			address = hop;
			if (!isProxy(hop)) return hop;
		}
		return address;
	};
}

/** By what requests from `address` are counted together: the address, or of IPv6 its network. */
export function networkOf(address: string): string {
	if (!ipaddr.isValid(address)) return address;
	const parsed = ipaddr.process(address);
	return "parts" in parsed ? parsed.parts.slice(0, NETWORK_HEXTETS).join(":") : parsed.toString();
}
