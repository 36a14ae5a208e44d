const DAY_MS = 24 * 60 * 60 * 1000;

/** A session that is not used for this long is over. */
export const SESSION_IDLE_MS = 7 * DAY_MS;

/** A session of this age is over, whatever its use. */
const SESSION_MAX_AGE_MS = 30 * DAY_MS;

/** How many used refresh tokens of a session are remembered, so that their reuse is noticed. */
export const REMEMBERED_GENERATIONS = 1000;

export interface SessionState {
	/** Which of its refresh tokens is the good one, counted from 1. */
	readonly generation: number;
	readonly created_at: Date;
	readonly expires_at: Date;
	readonly revoked_at: Date | null;
	readonly suspended: boolean;
}

export type RefreshDecision =
	| { readonly ok: true; readonly generation: number; readonly expiresAt: Date }
	| { readonly ok: false; readonly reason: "REUSED" | "SESSION_REVOKED" | "USER_SUSPENDED" | "UNAUTHENTICATED" };

/** When a session that is used at `now` ends unless it is used again. */
function expiryOf(createdAt: Date, now: Date): Date {
	return new Date(Math.min(now.getTime() + SESSION_IDLE_MS, createdAt.getTime() + SESSION_MAX_AGE_MS));
}

/** What becomes of `session` when the refresh token of `generation` is presented at `now`. */
export function refreshed(session: SessionState, generation: number, now: Date): RefreshDecision {
	if (session.revoked_at) return { ok: false, reason: "SESSION_REVOKED" };
	if (session.expires_at <= now) return { ok: false, reason: "UNAUTHENTICATED" };
	if (generation < session.generation) return { ok: false, reason: "REUSED" };
	if (session.suspended) return { ok: false, reason: "USER_SUSPENDED" };
	return { ok: true, generation: session.generation + 1, expiresAt: expiryOf(session.created_at, now) };
}
