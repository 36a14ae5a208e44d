import { isPublicAddress } from "../../../lib/webhook/public-address.ts";

test.each([
	["the internet", "8.8.8.8"],
	["the internet", "93.184.216.34"],
	["next to a private network", "172.32.0.1"],
	["next to the shared space", "100.128.0.1"],
	["IPv6 in use", "2606:4700:4700::1111"],
	["IPv6 in use", "2a00:1450:4001:831::200e"],
])("%s is public: %s", (_what, address) => {
	expect(isPublicAddress(address)).toBe(true);
});

test.each([
	["loopback", "127.0.0.1"],
	["loopback", "127.255.255.254"],
	["unspecified", "0.0.0.0"],
	["this network", "0.1.2.3"],
	["private", "10.0.0.1"],
	["private", "172.16.0.1"],
	["private", "172.31.255.255"],
	["private", "192.168.1.1"],
	["link-local, where clouds keep their metadata", "169.254.169.254"],
	["shared by a carrier", "100.64.0.1"],
	["IETF protocols", "192.0.0.8"],
	["documentation", "192.0.2.1"],
	["documentation", "198.51.100.1"],
	["documentation", "203.0.113.1"],
	["benchmarks", "198.18.0.1"],
	["6to4 relays", "192.88.99.1"],
	["multicast", "224.0.0.1"],
	["multicast", "239.255.255.250"],
	["reserved", "240.0.0.1"],
	["broadcast", "255.255.255.255"],
	["IPv6 loopback", "::1"],
	["IPv6 unspecified", "::"],
	["IPv6 link-local", "fe80::1"],
	["IPv6 site-local", "fec0::1"],
	["IPv6 unique local", "fc00::1"],
	["IPv6 unique local", "fd12:3456:789a::1"],
	["IPv6 multicast", "ff02::1"],
	["IPv6 documentation", "2001:db8::1"],
	["IPv6 documentation", "3fff::1"],
	["IPv6 benchmarks", "2001:2::1"],
	["IPv6 discard", "100::1"],
	["IPv4 mapped into IPv6", "::ffff:127.0.0.1"],
	["IPv4 mapped into IPv6", "::ffff:8.8.8.8"],
	["IPv4-compatible IPv6", "::127.0.0.1"],
	["IPv4 translated to IPv6", "::ffff:0:127.0.0.1"],
	["NAT64", "64:ff9b::7f00:1"],
	["NAT64 of a local network", "64:ff9b:1::7f00:1"],
	["6to4", "2002:7f00:1::"],
	["Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
	["segment routing", "5f00::1"],
])("%s is not public: %s", (_what, address) => {
	expect(isPublicAddress(address)).toBe(false);
});
