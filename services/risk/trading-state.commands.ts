import type { Context } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { HaltRequest, ResumeRequest, TradingScope, TradingState } from "../../contracts/risk.ts";
import { callerOf, originOf } from "../../lib/caller.ts";
import { isStorable } from "../../lib/kernel/text.ts";
import { type FieldError, refuseFields } from "../../lib/refuse.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import type { Outbox } from "../../mixins/outbox.mixin.ts";
import { keyOf, problemOfId } from "./domain/trading-state.ts";
import { readState, saveHalt, saveResumption } from "./trading-state.store.ts";

type Risk = Database & Outbox;

const NOT_STORABLE = "reason must not have NUL or lone surrogates";

/**
 * Halts trading in a scope from its commit on, or lets it only reduce. It asks nobody and waits for nothing but its own
 * transaction: the state binds `check`, and the event has the open orders canceled where that is asked for.
 */
export async function haltTrading(risk: Risk, ctx: Context<HaltRequest, Meta>): Promise<TradingState> {
	const { mode, reason, cancel_open = false } = ctx.params;
	const { scope, id } = scopeOf(ctx.params);
	const by = callerOf(ctx).user_id;
	return risk.db.transaction(async (tx) => {
		const halted = await saveHalt(tx, { scope, id, mode, reason, cancelOpen: cancel_open, by });
		if (!halted) return readState(tx, scope, id);
		const data = { scope, id, mode, reason, cancel_open, by };
		risk.stage(tx, [{ type: "risk.trading_halted", data, ...aggregateOf(halted), ...originOf(ctx) }]);
		return halted;
	});
}

/** Lets trading go on in a scope. What a halt has canceled, or is about to, does not come back. */
export async function resumeTrading(risk: Risk, ctx: Context<ResumeRequest, Meta>): Promise<TradingState> {
	const { reason = null } = ctx.params;
	const { scope, id } = scopeOf(ctx.params);
	const by = callerOf(ctx).user_id;
	return risk.db.transaction(async (tx) => {
		const resumed = await saveResumption(tx, { scope, id, reason, by });
		if (!resumed) return readState(tx, scope, id);
		const data = { scope, id, by };
		risk.stage(tx, [{ type: "risk.trading_resumed", data, ...aggregateOf(resumed), ...originOf(ctx) }]);
		return resumed;
	});
}

function aggregateOf({ scope, id, version }: TradingState): { aggregate_id: string; aggregate_seq: number } {
	return { aggregate_id: `trading-state:${keyOf(scope, id)}`, aggregate_seq: version };
}

/** The scope that a request names; refuses one that there cannot be, and a reason that cannot be kept. */
function scopeOf(request: HaltRequest | ResumeRequest): { scope: TradingScope; id: string | null } {
	const { scope, id = null, reason = "" } = request;
	const errors: FieldError[] = [];
	const wrong = problemOfId(scope, id);
	if (wrong) errors.push({ pointer: "/id", ...wrong });
	if (!isStorable(reason)) errors.push({ pointer: "/reason", code: "INVALID_CHARACTER", message: NOT_STORABLE });
	if (errors.length > 0) throw refuseFields(errors);
	return { scope, id };
}
