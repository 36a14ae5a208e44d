import { BlockList, isIP } from "node:net";

/** An address, and the length of the prefix that makes it a range. */
const RANGE = /^([^/%]+)(?:\/(\d|[1-9]\d{1,2}))?$/;
const ADDRESS_BITS = { ipv4: 32, ipv6: 128 } as const;

interface Range {
	readonly address: string;
	readonly prefix: number;
	readonly family: "ipv4" | "ipv6";
}

/** Whether `text` is an IPv4 or IPv6 address, or a range of them in CIDR notation. */
export function isAddressRange(text: string): boolean {
	return rangeOf(text) !== null;
}

/** Gives whether an address is in one of `ranges`; an IPv4 address that came mapped into IPv6 is the same address. */
export function addressMatcher(ranges: readonly string[]): (address: string) => boolean {
	const list = new BlockList();
	for (const text of ranges) {
		const range = rangeOf(text);
		if (!range) throw new Error(`not a range of addresses: ${text}`);
		list.addSubnet(range.address, range.prefix, range.family);
	}
	return (address) => {
		const family = familyOf(address);
		return family !== null && list.check(address, family);
	};
}

function rangeOf(text: string): Range | null {
	const [, address = "", length] = RANGE.exec(text) ?? [];
	const family = familyOf(address);
	if (!family) return null;
	const prefix = length === undefined ? ADDRESS_BITS[family] : Number(length);
	return prefix <= ADDRESS_BITS[family] ? { address, prefix, family } : null;
}

function familyOf(address: string): Range["family"] | null {
	const version = isIP(address);
	if (version === 0) return null;
	return version === 4 ? "ipv4" : "ipv6";
}
