import { applied, EMAIL, type Profile, USERNAME } from "../../../services/users/domain/user.ts";

test.each(["ann", "Ann_B.c-1", "a".repeat(32), "..."])("%s is a username", (name) => {
	expect(name).toMatch(USERNAME);
});

test.each(["", "an", "a".repeat(33), "ann b", "ann\n", "änn", "аnn", "ann@b", "ann\u200b", "'; DROP TABLE users; --"])(
	"%j is no username",
	(name) => {
		expect(name).not.toMatch(USERNAME);
	},
);

test.each(["a@b.co", "ann.b+tag@mail.example.com", "o'neil@example.org", `${"a".repeat(64)}@example.com`])(
	"%s is an address",
	(email) => {
		expect(email).toMatch(EMAIL);
	},
);

test.each([
	"",
	"ann",
	"ann@",
	"@example.com",
	"ann@localhost",
	"ann@example..com",
	"ann@-a.com",
	"a b@example.com",
	"ann@example.com\n",
	"ann@exämple.com",
	`${"a".repeat(65)}@example.com`,
	`a@${"b".repeat(250)}.com`,
])("%j is no address", (email) => {
	expect(email).not.toMatch(EMAIL);
});

const ann: Profile = { username: "ann", email: "ann@example.com", status: "active" };

test.each<[string, Partial<Profile>, Profile | null]>([
	["nothing", {}, null],
	["what is so already", { email: "ann@example.com", status: "active" }, null],
	["the case of a name", { username: "Ann" }, { ...ann, username: "Ann" }],
	["the address", { email: "a@example.com" }, { ...ann, email: "a@example.com" }],
	["the status", { status: "suspended" }, { ...ann, status: "suspended" }],
])("a patch of %s", (_what, patch, user) => {
	expect(applied(ann, patch)).toEqual(user);
});
