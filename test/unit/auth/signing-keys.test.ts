import { spentKeys, statesOf } from "../../../services/auth/domain/signing-keys.ts";

const MINUTE_S = 60;
const LIFETIME_S = 15 * MINUTE_S;
/** Keys of these ages in minutes, newest first. */
const aged = (...minutes: number[]) => minutes.map((m, i) => ({ kid: `k${i}`, age_s: m * MINUTE_S }));

test.each([
	["the first of all", [0], ["signing"]],
	["a new one beside the first", [0, 1], ["published", "signing"]],
	["one that is almost ripe", [9.9, 60], ["published", "signing"]],
	["one that is ripe", [10, 60], ["signing", "retired"]],
	["two new ones beside the first", [0, 1, 2], ["published", "published", "signing"]],
	["a new one before the last has been forgotten", [3, 14, 60], ["published", "signing", "retired"]],
	["none", [], []],
])("%s", (_what, minutes, states) => {
	expect(statesOf(aged(...minutes))).toEqual(states);
});

test.each([
	["while tokens of the old one may be good", [25.9, 60], []],
	["when the last of them has expired", [26, 60], ["k1"]],
	["all that are old, and no other", [1, 30, 60, 90], ["k2", "k3"]],
	["never the one that signs", [600], []],
	["without any", [], []],
])("a retired key is forgotten: %s", (_when, minutes, spent) => {
	expect(spentKeys(aged(...minutes), LIFETIME_S)).toEqual(spent);
});
