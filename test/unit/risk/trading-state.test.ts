import { denialBy, KEY, keyOf, problemOfId, scopesOf } from "../../../services/risk/domain/trading-state.ts";

const USER = "01890a5d-ac96-774b-bcce-b302099a8057";

test.each([
	["nothing is halted", ["active", "active", "active"], null, null],
	["no state is known", [], null, null],
	["everything is halted", ["halted", "active", "active"], "TRADING_HALTED", "TRADING_HALTED"],
	["the symbol is halted", ["active", "halted", "active"], "TRADING_HALTED", "TRADING_HALTED"],
	["the user is halted", ["active", "active", "halted"], "TRADING_HALTED", "TRADING_HALTED"],
	["everything is reducing", ["reducing", "active", "active"], "REDUCE_ONLY", null],
	["the symbol is reducing", ["active", "reducing", "active"], "REDUCE_ONLY", null],
	["the user is reducing", ["active", "active", "reducing"], "REDUCE_ONLY", null],
	["all three are reducing", ["reducing", "reducing", "reducing"], "REDUCE_ONLY", null],
	["a halt stands beside a reduction", ["reducing", "active", "halted"], "TRADING_HALTED", "TRADING_HALTED"],
	["a halt stands before reductions", ["halted", "reducing", "reducing"], "TRADING_HALTED", "TRADING_HALTED"],
] as const)("when %s", (_when, modes, buy, sell) => {
	expect(denialBy(modes, "buy")?.code ?? null).toBe(buy);
	expect(denialBy(modes, "sell")?.code ?? null).toBe(sell);
});

test("a denial by a halt names no limit", () => {
	expect(denialBy(["halted"], "sell")).toEqual({ allowed: false, code: "TRADING_HALTED", limit: null, observed: null });
});

test("an order is in three scopes, whose names cursors can hold", () => {
	const scopes = scopesOf({ symbol: "BTC-USD", user_id: USER });
	expect(scopes).toEqual(["global", "symbol:BTC-USD", `user:${USER}`]);
	expect(scopes.every((scope) => KEY.test(scope))).toBe(true);
	expect(keyOf("symbol", "BTC-USD")).toBe(scopes[1]);
});

test.each([
	["global", null, null],
	["global", "BTC-USD", "NOT_ALLOWED"],
	["global", "", "NOT_ALLOWED"],
	["symbol", "BTC-USD", null],
	["symbol", null, "REQUIRED"],
	["symbol", "btc-usd", "INVALID_FORMAT"],
	["symbol", "BTC-USD ", "INVALID_FORMAT"],
	["symbol", "ВТС-USD", "INVALID_FORMAT"],
	["symbol", USER, "INVALID_FORMAT"],
	["user", USER, null],
	["user", null, "REQUIRED"],
	["user", USER.toUpperCase(), "INVALID_FORMAT"],
	["user", "ann", "INVALID_FORMAT"],
	["user", `${USER}\n`, "INVALID_FORMAT"],
] as const)("a %s scope with the id %j", (scope, id, code) => {
	expect(problemOfId(scope, id)?.code ?? null).toBe(code);
});
