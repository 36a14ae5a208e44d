import fc from "fast-check";
import { type Place, visited } from "../../../services/notifications/domain/places.ts";

const login = (userId: string, ip: string, minute: number) => ({
	userId,
	ip,
	sessionId: `${userId}-${ip}-${minute}`,
	userAgent: "test",
	at: `2026-01-01T00:${String(minute).padStart(2, "0")}:00.000Z`,
});
type Login = ReturnType<typeof login>;

/** The addresses that users are told of when logins are heard of one after the other. */
function toldOf(logins: readonly Login[]): { readonly told: readonly string[]; readonly places: readonly Place[] } {
	let places: readonly Place[] = [];
	const told: string[] = [];
	for (const one of logins) {
		const seen = visited(places, [one]);
		places = seen.places;
		told.push(...seen.news.map(({ userId, ip }) => `${userId} ${ip}`));
	}
	return { told, places };
}

test.each<[string, Login[], string[]]>([
	["the very first login", [login("ann", "a", 1)], []],
	["the same place again", [login("ann", "a", 1), login("ann", "a", 2)], []],
	["another place", [login("ann", "a", 1), login("ann", "b", 2)], ["ann b"]],
	[
		"back and forth",
		[login("ann", "a", 1), login("ann", "b", 2), login("ann", "a", 3), login("ann", "b", 4)],
		["ann b"],
	],
	["a place of somebody else", [login("ann", "a", 1), login("bob", "b", 2), login("ann", "b", 3)], ["ann b"]],
	["the second one heard of first", [login("ann", "b", 2), login("ann", "a", 1)], ["ann b"]],
	[
		"the third one heard of first",
		[login("ann", "c", 3), login("ann", "b", 2), login("ann", "a", 1)],
		["ann c", "ann b"],
	],
])("%s", (_what, logins, told) => {
	expect(toldOf(logins).told.toSorted()).toEqual(told.toSorted());
	expect(
		visited([], logins)
			.news.map(({ userId, ip }) => `${userId} ${ip}`)
			.toSorted(),
	).toEqual(told.toSorted());
});

test("a notice is of the login that was the first there, and its place is remembered by the last", () => {
	const { places } = toldOf([login("ann", "a", 2), login("ann", "a", 9), login("ann", "a", 1)]);
	expect(places).toEqual([{ ...login("ann", "a", 1), lastSeenAt: login("ann", "a", 9).at, told: false }]);
});

test("in whatever order and however often logins are heard of, no place is missed and none told twice", () => {
	const logins = fc.uniqueArray(
		fc.record({
			userId: fc.constantFrom("ann", "bob"),
			ip: fc.constantFrom("a", "b", "c"),
			minute: fc.integer({ min: 0, max: 59 }),
		}),
		{ maxLength: 8, selector: ({ minute }) => minute },
	);
	const heardTwice = logins.chain((all) =>
		fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })),
	);
	fc.assert(
		fc.property(heardTwice, ([all, heard]) => {
			const inOrder = all.toSorted((a, b) => a.minute - b.minute);
			const named = (list: typeof all) => list.map(({ userId, ip, minute }) => login(userId, ip, minute));
			const firstPlaces = ["ann", "bob"].map((user) => inOrder.find(({ userId }) => userId === user));
			const { told } = toldOf(named(heard));
			expect(new Set(told).size).toBe(told.length);
			const beyondTheFirst = told.filter(
				(key) => !firstPlaces.some((first) => key === `${first?.userId} ${first?.ip}`),
			);
			expect(beyondTheFirst.toSorted()).toEqual(toldOf(named(inOrder)).told.toSorted());
		}),
	);
});
