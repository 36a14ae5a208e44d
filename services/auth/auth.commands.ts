import type { Context, ServiceBroker } from "moleculer";
import { Errors } from "moleculer";
import type { AuthApi, LoginFailed, SessionRevoked, Tokens } from "../../contracts/auth.ts";
import type { Envelope } from "../../contracts/events.ts";
import type { Meta, Role } from "../../contracts/index.ts";
import type { User } from "../../contracts/users.ts";
import { ACCESS_TOKEN, REVOKED } from "../../lib/access-token.ts";
import { callerOf, type Origin, originOf } from "../../lib/caller.ts";
import type { Tx } from "../../lib/db.ts";
import { foreignId } from "../../lib/foreign.ts";
import { newId } from "../../lib/id.ts";
import { isRefusal, refuse, refuseNotFound } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import { hashOf } from "../../lib/token-hash.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { endKeys } from "./api-keys.store.ts";
import * as store from "./auth.store.ts";
import { refreshed, SESSION_IDLE_MS } from "./domain/session.ts";
import type { Passwords } from "./passwords.ts";
import type { Sign } from "./signing-keys.ts";
import { newToken } from "./tokens.ts";

export type Auth = Database &
	Outbox & { readonly broker: ServiceBroker; readonly passwords: Passwords; readonly sign: Sign };
export type Request<A extends keyof AuthApi> = Context<Parameters<AuthApi[A]>[0], Meta>;

/** More than anybody has devices; beyond it the one that was unused the longest ends. */
const MAX_SESSIONS_PER_USER = 50;

/** Why a login fails that was tried in earnest. */
const FAILURES: readonly LoginFailed["reason"][] = ["INVALID_CREDENTIALS", "USER_SUSPENDED"];

const WRONG = "Username or password is wrong";

/** The longest name of a user has 32. */
const MAX_TOLD_NAME_LENGTH = 64;

/** A user id that nobody has, for a query that takes as long as one that finds somebody. */
const NOBODY = "00000000-0000-0000-0000-000000000000";

/**
 * Adds a user with a password. The password comes first: a crash in between leaves a credential that nobody can use,
 * never a user without one.
 */
export async function register(auth: Auth, ctx: Request<"register">, roles: readonly Role[]): Promise<User> {
	const { username, email, password } = ctx.params;
	const user_id = newId();
	await store.insertCredential(auth.db, user_id, await auth.passwords.hash(password));
	try {
		return await call(ctx, "users.create", { user_id, username, email, roles });
	} catch (error) {
		if (error instanceof Errors.MoleculerClientError) {
			await store.deleteCredential(auth.db, user_id);
			throw error;
		}
		if (isRefusal(error, "SERVICE_UNAVAILABLE") || isRefusal(error, "CAPACITY_EXCEEDED")) throw error;
		throw refuse("OUTCOME_UNKNOWN", "Whether the user was created is not known: try to log in");
	}
}

/** Opens a session. An unknown name and a wrong password are alike in answer and time. */
export async function login(auth: Auth, ctx: Request<"login">): Promise<Tokens> {
	const { username, password } = ctx.params;
	const user = await call(ctx, "users.resolve", { username });
	try {
		const credential = await store.findCredential(auth.db, user?.user_id ?? NOBODY);
		const matches = await auth.passwords.verify(credential?.password_hash ?? null, password);
		if (!matches || !user) throw refuse("INVALID_CREDENTIALS", WRONG);
		if (user.status === "suspended") throw refuse("USER_SUSPENDED");
		return await openSession(auth, ctx, user, credential?.password_hash);
	} catch (error) {
		for (const reason of FAILURES) if (isRefusal(error, reason)) await tellFailure(auth, ctx, user, reason);
		throw error;
	}
}

/** Tells of a failed login, by an event before the answer: nobody can try passwords unseen. */
async function tellFailure(
	auth: Auth,
	ctx: Request<"login">,
	user: User | null,
	reason: LoginFailed["reason"],
): Promise<void> {
	const { ip = "", user_agent = "" } = ctx.meta.client ?? {};
	const user_id = user?.user_id ?? null;
	// What is cut may be half of a pair that makes one character.
	const username = ctx.params.username.slice(0, MAX_TOLD_NAME_LENGTH).toWellFormed();
	await auth.db.transaction((tx) =>
		auth.stage(tx, [
			{
				type: "auth.login_failed",
				aggregate_id: `login-attempt:${newId()}`,
				aggregate_seq: 1,
				data: { user_id, username, ip, user_agent, reason },
				...originOf(ctx, user?.user_id),
			},
		]),
	);
}

/** Opens a session for who has shown the password that was kept as `shown`, unless it is another by now. */
async function openSession(
	auth: Auth,
	ctx: Context<unknown, Meta>,
	user: User,
	shown: string | undefined,
): Promise<Tokens> {
	const session_id = newId();
	const { user_id } = user;
	const { ip = "", user_agent = "" } = ctx.meta.client ?? {};
	const client = { ip, user_agent };
	const refreshToken = newToken();
	const origin = originOf(ctx, user_id);
	await auth.db.transaction(async (tx) => {
		const credential = await store.lockCredential(tx, user_id);
		if (credential?.suspended !== false) throw refuse("USER_SUSPENDED");
		if (credential.password_hash !== shown) throw refuse("INVALID_CREDENTIALS", WRONG);
		await store.insertSession(tx, { session_id, user_id, ...client }, SESSION_IDLE_MS);
		await store.insertRefreshToken(tx, refreshToken.hash, session_id, 1);
		auth.stage(tx, [
			{
				type: "auth.logged_in",
				aggregate_id: `session:${session_id}`,
				aggregate_seq: 1,
				data: { user_id, session_id, ...client },
				...origin,
			},
		]);
		await tellRevoked(auth, tx, await store.revokeBeyond(tx, user_id, MAX_SESSIONS_PER_USER), "replaced", origin);
	});
	return tokens(await auth.sign(user, session_id), refreshToken.token);
}

/** Trades a refresh token for new tokens. One that was traded before is in two hands: its session ends. */
export async function refresh(auth: Auth, ctx: Request<"refresh">): Promise<Tokens> {
	const presented = hashOf(ctx.params.refresh_token);
	const user_id = await store.findOwnerOfToken(auth.db, presented);
	// Asked before the token is spent, so that it still serves when `users` cannot be reached.
	const user = user_id && (await call(ctx, "users.find", { user_id }));
	if (!user) throw refuse("UNAUTHENTICATED");
	if (user.status === "suspended") throw refuse("USER_SUSPENDED");
	const next = newToken();
	const outcome = await auth.db.transaction((tx) => rotate(auth, tx, presented, next.hash, originOf(ctx, user_id)));
	if (!outcome.ok) throw refuse(outcome.code);
	return tokens(await auth.sign(user, outcome.session_id), next.token);
}

type Rotation =
	| { readonly ok: true; readonly session_id: string }
	| { readonly ok: false; readonly code: "SESSION_REVOKED" | "UNAUTHENTICATED" | "USER_SUSPENDED" };

/** Gives a refusal instead of throwing it, so that the end of a session whose token was reused is committed. */
async function rotate(auth: Auth, tx: Tx, presented: string, next: string, origin: Origin): Promise<Rotation> {
	const session = await store.lockSessionOfToken(tx, presented);
	if (!session) return { ok: false, code: "UNAUTHENTICATED" };
	const { session_id, user_id } = session;
	const decision = refreshed(session, session.presented, session.now);
	if (decision.ok) {
		await store.rotateSession(tx, session_id, decision.generation, decision.expiresAt);
		await store.insertRefreshToken(tx, next, session_id, decision.generation);
		return { ok: true, session_id };
	}
	if (decision.reason !== "REUSED") return { ok: false, code: decision.reason };
	await tellRevoked(auth, tx, await store.revokeSessions(tx, user_id, session_id), "reuse", origin);
	return { ok: false, code: "SESSION_REVOKED" };
}

/** Ends the session that the call came with. */
export async function logout(auth: Auth, ctx: Context<unknown, Meta>): Promise<{ readonly revoked: true }> {
	const { user_id, session_id } = callerOf(ctx);
	if (session_id === undefined) throw refuse("FORBIDDEN", "An API key has no session");
	await endSession(auth, ctx, user_id, session_id, "logout");
	return { revoked: true };
}

/** Ends one of the caller's sessions; somebody else's is as good as none. */
export async function revokeSession(auth: Auth, ctx: Request<"revokeSession">): Promise<{ readonly revoked: true }> {
	const { user_id } = callerOf(ctx);
	const { session_id } = ctx.params;
	if (await endSession(auth, ctx, user_id, session_id, "revoked")) return { revoked: true };
	const foreign = await foreignId(auth.db, { table: "sessions", key: "session_id" }, user_id, session_id);
	throw refuseNotFound("There is no such session", foreign && `session:${foreign}`);
}

/** Ends the sessions and keys of users that were suspended; those that were resumed can log in, and use their keys. */
export async function followUsers(
	auth: Auth,
	tx: Tx,
	events: readonly Envelope<"users.updated", User>[],
): Promise<void> {
	for (const { data: user, aggregate_seq, correlation_id, actor, event_id } of events) {
		const suspended = user.status === "suspended";
		const followed = await store.followUser(tx, user.user_id, aggregate_seq, suspended);
		if (!followed || !suspended) continue;
		const revoked = await store.revokeSessions(tx, user.user_id);
		await tellRevoked(auth, tx, revoked, "suspended", { correlation_id, actor }, event_id);
		if (await endKeys(tx, user.user_id)) hintRevoked(auth, tx);
	}
}

async function endSession(
	auth: Auth,
	ctx: Context<unknown, Meta>,
	userId: string,
	sessionId: string,
	reason: SessionRevoked["reason"],
): Promise<boolean> {
	return auth.db.transaction(async (tx) => {
		const revoked = await store.revokeSessions(tx, userId, sessionId);
		await tellRevoked(auth, tx, revoked, reason, originOf(ctx));
		return revoked.length > 0;
	});
}

/** Tells of sessions that ended: the history by events, and gateways by a hint. */
export async function tellRevoked(
	auth: Auth,
	tx: Tx,
	revoked: readonly store.RevokedSession[],
	reason: SessionRevoked["reason"],
	origin: Origin,
	causation_id: string | null = null,
): Promise<void> {
	if (revoked.length === 0) return;
	auth.stage(
		tx,
		revoked.map(({ session_id, user_id, event_seq }) => ({
			type: "auth.session_revoked",
			aggregate_id: `session:${session_id}`,
			aggregate_seq: event_seq,
			data: { user_id, session_id, reason },
			...origin,
			causation_id,
		})),
	);
	hintRevoked(auth, tx);
}

/** Tells gateways after the commit to ask what ended; the hint may be lost. */
export function hintRevoked({ broker }: Auth, tx: Tx): void {
	tx.afterCommit(() => void broker.broadcast(REVOKED).catch(() => {}));
}

function tokens(accessToken: string, refreshToken: string): Tokens {
	return {
		access_token: accessToken,
		token_type: "Bearer",
		expires_in: ACCESS_TOKEN.lifetimeS,
		refresh_token: refreshToken,
	};
}
