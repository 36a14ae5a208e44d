import fc from "fast-check";
import { decide, limitsInForce } from "../../../services/risk/domain/decide.ts";

const ALLOWED = { allowed: true, code: null, limit: null, observed: null };
const denied = (code: string, limit: string, observed: string) => ({ allowed: false, code, limit, observed });

test.each([
	["the last order that fits", 100, "1", "10", ALLOWED],
	["one order too many", 101, "1", "10", denied("MAX_OPEN_ORDERS", "100", "101")],
	["a notional of exactly the limit", 1, "2", "500", ALLOWED],
	["a notional a hair above it", 1, "2.00000001", "500", denied("MAX_ORDER_NOTIONAL", "1000", "1000.000005")],
	[
		"a float's blind spot",
		1,
		"0.1",
		"10000.00000000000001",
		denied("MAX_ORDER_NOTIONAL", "1000", "1000.000000000000001"),
	],
	[
		"a notional beyond all bounds",
		1,
		"9".repeat(20),
		"9".repeat(20),
		denied("MAX_ORDER_NOTIONAL", "1000", `${"9".repeat(19)}8${"0".repeat(19)}1`),
	],
	["both limits passed: the count is told", 200, "9", "900", denied("MAX_OPEN_ORDERS", "100", "200")],
	["a market order before the first trade", 1, "1000000", null, ALLOWED],
	["a market order too many before the first trade", 101, "1", null, denied("MAX_OPEN_ORDERS", "100", "101")],
])("%s", (_, openOrders, quantity, price, expected) => {
	expect(decide({ openOrders, quantity, price }, { maxOpenOrders: 100, maxOrderNotional: "1000" })).toEqual(expected);
});

test("without a notional limit any notional is allowed", () => {
	expect(
		decide({ openOrders: 1, quantity: "1000000", price: "1000000" }, { maxOpenOrders: 1, maxOrderNotional: null }),
	).toEqual(ALLOWED);
});

test("a limit of no open orders stops a user from trading", () => {
	expect(decide({ openOrders: 1, quantity: "1", price: "1" }, { maxOpenOrders: 0, maxOrderNotional: null }).code).toBe(
		"MAX_OPEN_ORDERS",
	);
});

const FALLBACK = { maxOpenOrders: 100, maxOrderNotional: null };

test.each([
	["nothing set", undefined, undefined, FALLBACK],
	[
		"the default row",
		undefined,
		{ maxOpenOrders: 50, maxOrderNotional: "10" },
		{ maxOpenOrders: 50, maxOrderNotional: "10" },
	],
	[
		"half a default row",
		undefined,
		{ maxOpenOrders: null, maxOrderNotional: "10" },
		{ maxOpenOrders: 100, maxOrderNotional: "10" },
	],
	[
		"each limit by itself from the user's row",
		{ maxOpenOrders: 5, maxOrderNotional: null },
		{ maxOpenOrders: 50, maxOrderNotional: "10" },
		{ maxOpenOrders: 5, maxOrderNotional: "10" },
	],
	[
		"a limit of 0, which is not the same as none",
		{ maxOpenOrders: 0, maxOrderNotional: "99" },
		{ maxOpenOrders: 50, maxOrderNotional: "10" },
		{ maxOpenOrders: 0, maxOrderNotional: "99" },
	],
])("in force with %s", (_, own, byDefault, expected) => {
	expect(limitsInForce(own, byDefault, FALLBACK)).toEqual(expected);
});

test("a denial always names a limit that what was observed passes", () => {
	const amount = fc.bigInt({ min: 1n, max: 10n ** 18n }).map(String);
	fc.assert(
		fc.property(
			fc.nat(300),
			amount,
			fc.option(amount),
			fc.option(amount),
			(openOrders, quantity, price, maxOrderNotional) => {
				const decision = decide({ openOrders, quantity, price }, { maxOpenOrders: 100, maxOrderNotional });
				const tooMany = openOrders > 100;
				const tooLarge =
					price !== null && maxOrderNotional !== null && BigInt(quantity) * BigInt(price) > BigInt(maxOrderNotional);
				expect(decision.allowed).toBe(!tooMany && !tooLarge);
				expect(decision.allowed).toBe(decision.code === null);
				if (!decision.allowed) expect(BigInt(decision.observed ?? 0) > BigInt(decision.limit ?? 0)).toBe(true);
			},
		),
	);
});
