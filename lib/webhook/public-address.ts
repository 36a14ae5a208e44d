import ipaddr from "ipaddr.js";

/** All of IPv6 that is routed in public lies in here; outside of it are forms that carry IPv4 addresses in disguise. */
const IPV6_GLOBAL = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an IP address belongs to the public internet: not loopback, private, link-local, shared, multicast, reserved,
 * for documentation or tests, nor an IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
	const parsed = ipaddr.parse(address);
	if (parsed instanceof ipaddr.IPv6 && !parsed.match(IPV6_GLOBAL)) return false;
	return parsed.range() === "unicast";
}
