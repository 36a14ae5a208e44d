import type { Tx } from "../../lib/db.ts";
import { afterEnds, afterLegs, roleOf } from "./domain/family.ts";
import type { Applied, OrderRecord } from "./domain/order.ts";
import { isTerminal } from "./domain/order-state.ts";
import { lockParents, lockUntoldLegs, readLegs } from "./legs.store.ts";

/** What follows for one order from what has become of another. */
interface Followed extends Extract<Applied, { readonly ok: true }> {
	/** The order that it follows from. */
	readonly from: OrderRecord;
}

/**
 * What follows from changes for orders that belong with the changed ones, and is to be saved with them: an oco adds up
 * what its legs have done and takes them with it when it is turned away; the end of an entry activates its exits or
 * ends them, and exits that wait end together.
 */
export async function followFamilies(
	tx: Tx,
	changed: ReadonlyMap<string, OrderRecord>,
	now: string,
): Promise<Followed[]> {
	const members = [...changed.values()].filter((order) => order.order_class !== "simple");
	if (members.length === 0) return [];
	const below = await followDown(tx, changed, members, now);
	const all = new Map([...changed, ...below.map(({ order }) => [order.order_id, order] as const)]);
	return [...below, ...(await followUp(tx, all, members, now))];
}

/** Of legs that no market has told of, what the end of their parent or of one of them leads to. */
async function followDown(
	tx: Tx,
	changed: ReadonlyMap<string, OrderRecord>,
	members: readonly OrderRecord[],
	now: string,
): Promise<Followed[]> {
	const ended = members.filter(({ status, parent_id, report_seq }) => {
		return isTerminal(status) && (parent_id === null || report_seq === 0);
	});
	if (ended.length === 0) return [];
	const legs = await lockUntoldLegs(tx, [...new Set(ended.map((order) => order.parent_id ?? order.order_id))]);
	return legs.flatMap((leg) => {
		if (changed.has(leg.order_id)) return [];
		const parent = ended.find((order) => order.order_id === leg.parent_id);
		const sibling = ended.find((order) => order.parent_id === leg.parent_id);
		const from = sibling ?? parent;
		return from ? followed(from, afterEnds(leg, { parent, sibling }, now)) : [];
	});
}

/** The parents are locked before their legs are read: who comes second then sees what the first one has done. */
async function followUp(
	tx: Tx,
	changed: ReadonlyMap<string, OrderRecord>,
	members: readonly OrderRecord[],
	now: string,
): Promise<Followed[]> {
	const legs = members.filter((order) => roleOf(order) === "oco_leg");
	const parentIds = [...new Set(legs.flatMap((leg) => leg.parent_id ?? []))];
	if (parentIds.length === 0) return [];
	const parents = await lockParents(tx, parentIds);
	const all = (await readLegs(tx, parentIds)).map((leg) => changed.get(leg.order_id) ?? leg);
	return parents.flatMap((parent) => {
		const own = all.filter((leg) => leg.parent_id === parent.order_id);
		const from = legs.findLast((leg) => leg.parent_id === parent.order_id) as OrderRecord;
		return followed(from, afterLegs(changed.get(parent.order_id) ?? parent, own, now));
	});
}

function followed(from: OrderRecord, applied: Applied): Followed[] {
	return applied.ok ? [{ ...applied, from }] : [];
}
