import { isIP, type LookupFunction } from "node:net";

/** For a connection that is to go to one of `addresses` and nowhere else, whatever name servers say meanwhile. */
export function pinnedLookup(addresses: readonly string[]): LookupFunction {
	const found = addresses.map((address) => ({ address, family: isIP(address) }));
	// All are asked for, as connections with `autoSelectFamily` do.
	return (_host, _options, done) => done(null, found);
}
