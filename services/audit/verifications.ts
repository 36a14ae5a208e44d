import { setTimeout as delay } from "node:timers/promises";
import type { Context, Service } from "moleculer";
import type { AuditAnchor, Verification } from "../../contracts/audit.ts";
import type { Envelope, EventQuery } from "../../contracts/events.ts";
import type { Meta, Page, Principal } from "../../contracts/index.ts";
import { callerOf, originOf } from "../../lib/caller.ts";
import { refuse } from "../../lib/refuse.ts";
import { call } from "../../lib/service.ts";
import { type Audit, recordUse } from "./audit.commands.ts";
import { verifyChain } from "./verification.ts";

/** The verifications of one node, of which one runs at a time. */
export interface Verifications {
	/** The result of the one that runs, or else of a new one, if it is there in time; or how far it has come. */
	ask(ctx: Context<unknown, Meta>): Promise<Verification>;
	/** Gives the running one up, and begins no other. */
	stop(): Promise<void>;
}

/** How far a verification has come. */
interface Progress {
	readonly startedAt: Date;
	checked: number;
	total: number;
	/** Whether somebody was told to ask again. */
	outlasting: boolean;
}

/** How long whoever asks is let wait, and what is kept back of the request's time to answer in. */
const MAX_WAIT_MS = 4_000;
const RESERVE_MS = 1_000;

/** So long a result stays for those who are to ask again; who asks later wants to know how things are by then. */
const RESULT_KEPT_MS = 60_000;

/** The most that the history gives at a time. */
const WITNESS_PAGE = 500;

/** Runs verifications in the background, since a long chain takes longer than a request may. */
export function openVerifications(audit: Service & Audit): Verifications {
	const stopping = new AbortController();
	let current: { readonly progress: Progress; readonly result: Promise<Verification> } | null = null;

	function start(ctx: Context<unknown, Meta>) {
		const progress: Progress = { startedAt: new Date(), checked: 0, total: 0, outlasting: false };
		const run = { progress, result: verify(audit, ctx, progress, stopping.signal) };
		void forgetInTime(run.result, progress).then(() => {
			if (current === run) current = null;
		});
		return run;
	}

	return {
		ask(ctx) {
			if (stopping.signal.aborted) return Promise.reject(refuse("SERVICE_UNAVAILABLE", "The node is stopping"));
			current ??= start(ctx);
			return resultOrProgress(current.result, current.progress, ctx.meta.deadline);
		},
		async stop() {
			stopping.abort(refuse("SERVICE_UNAVAILABLE", "The node is stopping"));
			await current?.result.catch(() => {});
		},
	};
}

async function resultOrProgress(
	result: Promise<Verification>,
	progress: Progress,
	deadline = Number.POSITIVE_INFINITY,
): Promise<Verification> {
	const waiting = new AbortController();
	const waitMs = Math.max(0, Math.min(deadline - Date.now() - RESERVE_MS, MAX_WAIT_MS));
	const patience = delay(waitMs, null, { signal: waiting.signal }).catch(() => null);
	const inTime = await Promise.race([result, patience]).finally(() => waiting.abort());
	if (inTime) return inTime;
	progress.outlasting = true;
	const { startedAt, checked, total } = progress;
	return { status: "running", started_at: startedAt.toISOString(), checked, total };
}

/** Resolves when the result is of no use any more. */
async function forgetInTime(result: Promise<Verification>, progress: Progress): Promise<void> {
	const failed = await result.then(
		() => false,
		() => true,
	);
	if (!failed && progress.outlasting) await delay(RESULT_KEPT_MS, undefined, { ref: false });
}

async function verify(
	audit: Service & Audit,
	ctx: Context<unknown, Meta>,
	progress: Progress,
	signal: AbortSignal,
): Promise<Verification> {
	const startedMs = performance.now();
	const verdict = await verifyChain(audit.db, {
		witness: anchorsInHistory(audit, callerOf(ctx)),
		onProgress: (checked, total) => Object.assign(progress, { checked, total }),
		signal,
	});
	const { records, first_bad } = verdict;
	const use = { action: "audit.verify", result: first_bad?.reason ?? "ok", details: { records, first_bad } };
	// What is wrong is told even where nothing can be added to the chain any more.
	await recordUse(audit, use, originOf(ctx)).catch((error) =>
		audit.logger.error("A verification could not be recorded", error),
	);
	const took_ms = Math.round(performance.now() - startedMs);
	return { status: "finished", started_at: progress.startedAt.toISOString(), took_ms, ...verdict };
}

/** Asked for page by page, with the rights of whoever wants the verification, and in no hurry. */
async function* anchorsInHistory({ broker, logger }: Service, user: Principal): AsyncGenerator<AuditAnchor> {
	const query = { type: "audit.anchored", limit: WITNESS_PAGE };
	for (let after: string | null = null; ; ) {
		const from: EventQuery = after === null ? query : { ...query, after };
		const page: Page<Envelope> = await call(broker, "events.query", from, { meta: { user } }).catch((error) => {
			logger.warn("The history cannot be asked for the audit's anchors", error);
			throw error;
		});
		for (const event of page.items) yield event.data as AuditAnchor;
		after = page.next_cursor;
		if (after === null) return;
	}
}
