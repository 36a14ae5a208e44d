import type { Failpoint } from "../../../lib/failpoint.ts";
import { SERVICE_NAMES, type ServiceName } from "../../../lib/topology.ts";
import { PARTS } from "../orders/layout.ts";

/** What has two nodes. */
export interface Kind {
	readonly name: string;
	readonly services: readonly ServiceName[];
	readonly failpoints: readonly Failpoint[];
}

const ALONE: readonly string[] = ["api", "orders", "risk", "trading"];

const [alone, shared] = [true, false].map((is) => PARTS.cluster.filter(({ name }) => ALONE.includes(name) === is));

/** Each service of the path of an order has nodes to itself; the others share theirs. */
export const KINDS: readonly Kind[] = [
	...(alone as typeof PARTS.cluster),
	{
		name: "others",
		services: SERVICE_NAMES.filter((name) => !ALONE.includes(name)),
		failpoints: [...new Set((shared as typeof PARTS.cluster).flatMap(({ failpoints }) => failpoints))],
	},
];

/** The node ids of a kind. */
export function nodesOf({ name }: Pick<Kind, "name">): readonly string[] {
	return [`${name}-1`, `${name}-2`];
}

export const NODES: readonly string[] = KINDS.flatMap(nodesOf);

/** What the node `name` runs. */
export function kindOf(node: string): Kind {
	const kind = KINDS.find(({ name }) => node.startsWith(`${name}-`));
	if (!kind) throw new Error(`there is no node '${node}'`);
	return kind;
}
