import type { Meta } from "../../contracts/index.ts";

/** Options of a call that goes to the node that has the market, which does not pass it on again. */
export function passOn(nodeID: string): { nodeID: string; meta: Meta } {
	return { nodeID, meta: { forwarded: true } };
}
