import { addressMatcher, isAddressRange } from "../../lib/address-ranges.ts";

test.each([
	["192.0.2.1"],
	["10.0.0.0/8"],
	["10.1.2.3/8"],
	["0.0.0.0/0"],
	["192.0.2.1/32"],
	["::1"],
	["2001:db8::/32"],
	["2001:DB8:0:0:0:0:0:1/128"],
	["::ffff:192.0.2.1"],
])("%s is an address or a range", (text) => {
	expect(isAddressRange(text)).toBe(true);
});

test.each([
	[""],
	["localhost"],
	["example.com"],
	["192.0.2"],
	["192.0.2.256"],
	["010.0.0.1"],
	["0x7f.0.0.1"],
	["10.0.0.0/33"],
	["10.0.0.0/08"],
	["10.0.0.0/-1"],
	["10.0.0.0/"],
	["10.0.0.0/8/8"],
	["10.0.0.0/255.0.0.0"],
	["10.0.0.0 - 10.0.0.9"],
	[" 10.0.0.1"],
	["10.0.0.1\n"],
	["2001:db8::/129"],
	["2001:db8::g"],
	["fe80::1%eth0"],
	["*"],
])("%j is none", (text) => {
	expect(isAddressRange(text)).toBe(false);
	expect(() => addressMatcher([text])).toThrow("not a range");
});

test.each([
	["192.0.2.1", "192.0.2.1", true],
	["192.0.2.1", "192.0.2.2", false],
	["10.0.0.0/8", "10.255.0.1", true],
	["10.0.0.0/8", "11.0.0.1", false],
	["10.1.2.3/8", "10.9.9.9", true],
	["10.0.0.0/31", "10.0.0.2", false],
	["10.0.0.0/8", "::ffff:10.9.9.9", true],
	["::ffff:10.0.0.0/104", "10.9.9.9", true],
	["2001:db8::/32", "2001:db8:ffff::1", true],
	["2001:db8::/32", "2001:db9::1", false],
	["2001:db8::1", "2001:DB8:0::1", true],
	["::1", "127.0.0.1", false],
	["0.0.0.0/0", "2001:db8::1", false],
	["10.0.0.0/8", "", false],
	["10.0.0.0/8", "unknown", false],
])("the range %s has %s: %s", (range, address, within) => {
	expect(addressMatcher([range])(address)).toBe(within);
	expect(addressMatcher(["198.51.100.7", range])(address)).toBe(within);
});
