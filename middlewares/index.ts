import type { Middleware } from "moleculer";
import { authorization } from "./authorization.ts";
import { clocks } from "./clocks.ts";
import { callTimeout, deadline } from "./deadline.ts";
import { drain } from "./drain.ts";
import { elsewhere } from "./elsewhere.ts";
import { goneNodes } from "./gone-nodes.ts";
import { heartbeats } from "./heartbeats.ts";
import { metaIsolation } from "./meta-isolation.ts";
import { restarts } from "./restarts.ts";

/** What every node has around its calls, from the handler outwards; to be put after Moleculer's own. */
export const guards: readonly Middleware[] = [
	drain,
	restarts,
	heartbeats,
	goneNodes,
	metaIsolation,
	callTimeout,
	elsewhere,
	deadline,
	clocks,
	authorization,
];
