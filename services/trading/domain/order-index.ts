import type { ExecutionOrder } from "./order.ts";

/**
 * Orders by id, in many small maps in place of a large one: that is copied as a whole each time it grows or has been
 * deleted from often enough, which a market of a million orders would have to wait for.
 */
export interface OrderIndex {
	readonly shards: readonly Map<string, ExecutionOrder>[];
	size: number;
}

/** A power of two, so that a mask picks one. More of them make the maps of a small book too small: measured to 256. */
const SHARDS = 64;

/** Nothing to find. */
export function emptyIndex(): OrderIndex {
	return { shards: Array.from({ length: SHARDS }, () => new Map()), size: 0 };
}

/** The order of that id, or undefined. */
export function lookUp(index: OrderIndex, orderId: string): ExecutionOrder | undefined {
	return shardOf(index, orderId).get(orderId);
}

/** Lets an order be found. */
export function enlist(index: OrderIndex, order: ExecutionOrder): void {
	shardOf(index, order.orderId).set(order.orderId, order);
	index.size += 1;
}

/** Lets an order be found no more. */
export function delist(index: OrderIndex, orderId: string): void {
	if (shardOf(index, orderId).delete(orderId)) index.size -= 1;
}

/** The end of an id tells it from the others: a UUID v7 begins with the time. */
function shardOf({ shards }: OrderIndex, orderId: string): Map<string, ExecutionOrder> {
	const last = orderId.length - 1;
	const mixed = orderId.charCodeAt(last) * 7 + orderId.charCodeAt(last - 1);
	return shards[mixed & (SHARDS - 1)] as Map<string, ExecutionOrder>;
}
