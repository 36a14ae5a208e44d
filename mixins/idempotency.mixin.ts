import type { Context } from "moleculer";
import type { Repeatable, Replayed } from "../contracts/common.ts";
import type { Meta } from "../contracts/index.ts";
import { callerOf } from "../lib/caller.ts";
import type { Db, Tx } from "../lib/db.ts";
import {
	claimKey,
	findServed,
	type KeptRequest,
	type KeyedRequest,
	keepAnswer,
	sweepKeys,
} from "../lib/idempotency.ts";
import { canonicalJson } from "../lib/kernel/canonical-json.ts";
import { sha256 } from "../lib/kernel/sha256.ts";
import { refuse } from "../lib/refuse.ts";
import { mixin } from "../lib/service.ts";

/** An answer that may be that of the same request before, without its secret then. */
type Answered<A> = { readonly [K in keyof A]: K extends "secret" ? A[K] | null : A[K] } & Replayed;

const SWEEP_INTERVAL_MS = 10 * 60 * 1000;

/** What a service has whose requests may be sent again under a key. */
export interface Idempotency {
	/**
	 * Serves a request once per key of its user, for at least 24 hours: the effect, the key and the answer are one
	 * transaction. A repeat is not prepared again and gets the answer that was kept, without its `secret`; another
	 * request under the key is refused with `IDEMPOTENCY_KEY_REUSED`. What was refused has kept no key.
	 */
	once<P, A extends object>(
		ctx: Context<Repeatable, Meta>,
		prepare: () => P | Promise<P>,
		effect: (tx: Tx, prepared: P) => Promise<A>,
	): Promise<Answered<A>>;
}

interface Vars {
	readonly db: Db;
	keySweep: NodeJS.Timeout;
}

/** Lets a service with `database(name)` serve requests once per key. Its migrations call `createIdempotencyKeys`. */
export function idempotency() {
	return mixin<Idempotency, Vars>({
		methods: {
			once(ctx, prepare, effect) {
				return serveOnce(this.db, ctx, prepare, effect);
			},
		},
		async started() {
			this.keySweep = setInterval(() => {
				sweepKeys(this.db).catch((error) => this.logger.warn("old idempotency keys could not be removed", error));
			}, SWEEP_INTERVAL_MS);
		},
		async stopped() {
			clearInterval(this.keySweep);
		},
	});
}

async function serveOnce<P, A extends object>(
	db: Db,
	ctx: Context<Repeatable, Meta>,
	prepare: () => P | Promise<P>,
	effect: (tx: Tx, prepared: P) => Promise<A>,
): Promise<Answered<A>> {
	const request = keyedRequestOf(ctx);
	const served = request && (await findServed(db, request.userId, request.key));
	if (served) return repeated<A>(served, request);
	const prepared = await prepare();
	return db.transaction(async (tx) => {
		const claimed = request && (await claimKey(tx, request));
		if (claimed && claimed.answer !== null) return repeated<A>(claimed, request);
		const answer = await effect(tx, prepared);
		if (request) keepAnswer(tx, request, withoutSecret(answer));
		return answered<A>(answer, false);
	});
}

function keyedRequestOf(ctx: Context<Repeatable, Meta>): KeyedRequest | null {
	const { idempotency_key: key, ...params } = ctx.params;
	if (key === undefined) return null;
	const action = ctx.action?.name;
	if (action === undefined) throw new Error("a key belongs to the request of an action");
	// As they would arrive on another node, where members without a value are left out.
	const fingerprint = sha256(canonicalJson(JSON.parse(JSON.stringify(params))));
	return { userId: callerOf(ctx).user_id, key, action, fingerprint };
}

/** A secret is told once, and kept as its service keeps it. */
function withoutSecret(answer: object): object {
	return "secret" in answer ? { ...answer, secret: null } : answer;
}

function repeated<A>({ action, fingerprint, answer }: KeptRequest, request: KeyedRequest): Answered<A> {
	if (action !== request.action || fingerprint !== request.fingerprint) throw refuse("IDEMPOTENCY_KEY_REUSED");
	return answered(answer as A, true);
}

function answered<A>(answer: A, replayed: boolean): Answered<A> {
	return { ...answer, replayed } as Answered<A>;
}
