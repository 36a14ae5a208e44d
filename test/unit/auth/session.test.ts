import { refreshed, SESSION_IDLE_MS, type SessionState } from "../../../services/auth/domain/session.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const start = new Date("2026-01-01T00:00:00Z");
const after = (ms: number) => new Date(start.getTime() + ms);
const session = (over: Partial<SessionState> = {}): SessionState => ({
	generation: 3,
	created_at: start,
	expires_at: after(SESSION_IDLE_MS),
	revoked_at: null,
	suspended: false,
	...over,
});

test("the good token is traded for the next, and the session lives on", () => {
	expect(refreshed(session(), 3, after(HOUR_MS))).toEqual({
		ok: true,
		generation: 4,
		expiresAt: after(HOUR_MS + SESSION_IDLE_MS),
	});
});

test("no use makes a session older than 30 days", () => {
	const decision = refreshed(session({ expires_at: after(30 * DAY_MS) }), 3, after(29 * DAY_MS));
	expect(decision).toEqual({ ok: true, generation: 4, expiresAt: after(30 * DAY_MS) });
});

test.each([
	["a token that was traded before", {}, 2, HOUR_MS, "REUSED"],
	["the first token, long after", {}, 1, HOUR_MS, "REUSED"],
	["a session that ended", { revoked_at: start }, 3, HOUR_MS, "SESSION_REVOKED"],
	["an old token of a session that ended", { revoked_at: start }, 1, HOUR_MS, "SESSION_REVOKED"],
	["a session that nobody used for a week", {}, 3, SESSION_IDLE_MS, "UNAUTHENTICATED"],
	["a suspended user", { suspended: true }, 3, HOUR_MS, "USER_SUSPENDED"],
	["a stolen token of a suspended user", { suspended: true }, 2, HOUR_MS, "REUSED"],
] as const)("%s is refused", (_what, over, generation, ms, reason) => {
	expect(refreshed(session(over), generation, after(ms))).toEqual({ ok: false, reason });
});
