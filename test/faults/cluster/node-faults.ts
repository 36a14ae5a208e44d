import { setTimeout as delay } from "node:timers/promises";
import { databaseOf, EVERYTHING, type FaultKind } from "./fault-kind.ts";
import { KINDS, NODES, nodesOf } from "./layout.ts";

/** A stopped or separated node is missed after 5 s. */
const HEARTBEAT = [6_000, 8_000] as const;
/** One that has not come to its failpoint by then is killed. */
const FAILPOINT_LIMIT_MS = 30_000;
const HIGH_LATENCY_MS = 150;
/** Until a node that says nothing is missed, and what was asked of it has been given up. */
const SILENCE_LIMIT_MS = 6_000;

const kinds = KINDS.map(({ name }) => name);

/** What befalls the nodes and their ways to the servers. */
export const NODE_FAULTS = {
	"node killed": {
		how: "kill -9 of a node",
		heal: "it is started",
		targets: NODES,
		perRound: 5,
		lastsMs: [0, 1_000],
		limit: { from: "fault", ms: 5_000 },
		async strike(scene, { target }) {
			await scene.kill(target);
			return () => scene.start(target);
		},
	},
	"node killed at a failpoint": {
		how: "a node kills itself between two steps of its work",
		heal: "it is started",
		targets: NODES,
		perRound: 5,
		lastsMs: [0, 0],
		limit: { from: "fault", ms: 5_000 },
		async strike(scene, { target, at }) {
			await scene.kill(target);
			scene.start(target, { at });
			await Promise.race([scene.died(target), delay(FAILPOINT_LIMIT_MS, undefined, { ref: false })]);
			await scene.kill(target);
			return () => scene.start(target);
		},
	},
	"service gone": {
		how: "kill -9 of both nodes",
		heal: "they are started",
		targets: kinds,
		perRound: 2,
		lastsMs: [2_000, 6_000],
		limit: { from: "heal", ms: 30_000 },
		async strike(scene, { target }) {
			await Promise.all(nodesOf({ name: target }).map(scene.kill));
			return () => nodesOf({ name: target }).forEach((node) => scene.start(node));
		},
	},
	"node stopped": {
		how: "SIGSTOP of a node for longer than it is waited for",
		heal: "SIGCONT",
		targets: NODES,
		perRound: 2,
		lastsMs: HEARTBEAT,
		limit: { from: "fault", ms: SILENCE_LIMIT_MS },
		async strike(scene, { target }) {
			scene.pause(target);
			return () => scene.resume(target);
		},
	},
	"market owner stopped": {
		how: "SIGSTOP of the node that writes BTC-USD, past its lease",
		heal: "SIGCONT",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: HEARTBEAT,
		limit: { from: "fault", ms: SILENCE_LIMIT_MS },
		async strike(scene) {
			const [market] = await databaseOf(scene, "trading").db.query<{ owner_node: string }>(
				"SELECT owner_node FROM markets WHERE symbol = 'BTC-USD'",
			);
			if (!market) throw new Error("nobody writes BTC-USD");
			scene.pause(market.owner_node);
			return () => scene.resume(market.owner_node);
		},
	},
	"node cut off": {
		how: "nothing passes between a node and NATS and PostgreSQL",
		heal: "what was held up passes",
		targets: NODES,
		perRound: 1,
		lastsMs: HEARTBEAT,
		limit: { from: "fault", ms: SILENCE_LIMIT_MS },
		async strike(scene, { target }) {
			for (const way of scene.waysOf(target)) way.block();
			return () => scene.waysOf(target).forEach((way) => way.heal());
		},
	},
	"connections cut": {
		how: "the connections of a node to NATS and PostgreSQL break",
		heal: "it connects again by itself",
		targets: NODES,
		perRound: 1,
		lastsMs: [0, 0],
		limit: { from: "fault", ms: 5_000 },
		async strike(scene, { target }) {
			for (const way of scene.waysOf(target)) way.cut();
			return () => {};
		},
	},
	"slow network": {
		how: `${HIGH_LATENCY_MS} ms more each way between a node and NATS and PostgreSQL`,
		heal: "no more",
		targets: NODES,
		perRound: 1,
		lastsMs: [2_000, 4_000],
		limit: { from: "heal", ms: 5_000 },
		async strike(scene, { target }) {
			for (const way of scene.waysOf(target)) way.slow(HIGH_LATENCY_MS);
			return () => scene.waysOf(target).forEach((way) => way.heal());
		},
	},
} as const satisfies Readonly<Record<string, FaultKind>>;
