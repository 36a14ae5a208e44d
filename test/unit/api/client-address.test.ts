import type { IncomingMessage } from "node:http";
import { clientAddress, networkOf } from "../../../services/api/client-address.ts";

const from = (remoteAddress: string, forwarded?: string) =>
	({ socket: { remoteAddress }, headers: { "x-forwarded-for": forwarded } }) as unknown as IncomingMessage;

test.each([
	["what anybody may have written counts for nothing", [], "203.0.113.7", "10.9.9.9", "203.0.113.7"],
	["a trusted proxy tells who asked it", ["10.0.0.0/8"], "10.0.0.1", "203.0.113.7", "203.0.113.7"],
	[
		"of a chain only what our own proxies wrote",
		["10.0.0.0/8"],
		"10.0.0.1",
		"1.1.1.1, 203.0.113.7, 10.0.0.2",
		"203.0.113.7",
	],
	["a proxy that speaks for itself", ["10.0.0.0/8"], "10.0.0.1", undefined, "10.0.0.1"],
	["what is no address ends the chain", ["10.0.0.0/8"], "10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"],
	["a proxy by IPv4 in IPv6", ["10.0.0.1"], "::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"],
])("%s", (_what, proxies, peer, forwarded, expected) => {
	expect(clientAddress(proxies)(from(peer, forwarded))).toBe(expected);
});

test("an IPv4 address is counted alone, an IPv6 one with its network", () => {
	expect(networkOf("::ffff:203.0.113.7")).toBe(networkOf("203.0.113.7"));
	expect(networkOf("203.0.113.7")).not.toBe(networkOf("203.0.113.8"));
	expect(networkOf("2001:db8:1:2::1")).toBe(networkOf("2001:db8:1:2:ffff::9"));
	expect(networkOf("2001:db8:1:2::1")).not.toBe(networkOf("2001:db8:1:3::1"));
});
