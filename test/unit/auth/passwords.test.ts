import { passwords } from "../../../services/auth/passwords.ts";

test("a password is kept as argon2id with a salt of its own", async () => {
	const { hash, verify } = passwords();
	const [one, two] = await Promise.all([hash("correct horse"), hash("correct horse")]);
	expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
	expect(one).not.toBe(two);
	expect(await verify(one, "correct horse")).toBe(true);
	expect(await verify(one, "battery staple")).toBe(false);
});

test("one password is the same in both ways to spell an umlaut", async () => {
	const { hash, verify } = passwords();
	expect(await verify(await hash("m\u00fcller-m\u00fcller"), "mu\u0308ller-mu\u0308ller")).toBe(true);
});

test("nobody's password is as slow to check as somebody's", async () => {
	const { hash, verify } = passwords();
	const kept = await hash("correct horse");
	// Time of the processor, which other processes do not lengthen.
	const worked = async (against: string | null) => {
		const before = process.cpuUsage();
		for (let i = 0; i < 10; i++) expect(await verify(against, "wrong guess")).toBe(false);
		return process.cpuUsage(before).user;
	};
	await worked(null);
	const [somebody, nobody] = [await worked(kept), await worked(null)];
	expect(nobody / somebody).toBeGreaterThan(0.5);
	expect(nobody / somebody).toBeLessThan(2);
});

test("beyond a queue of a hundred the next is turned away", async () => {
	const { verify } = passwords();
	const results = await Promise.allSettled(Array.from({ length: 400 }, () => verify(null, "guess")));
	const refused = results.filter((result) => result.status === "rejected");
	expect(refused.length).toBeGreaterThan(100);
	expect(refused[0]?.reason).toMatchObject({ code: 503, type: "CAPACITY_EXCEEDED" });
	expect(await verify(null, "guess")).toBe(false);
});
