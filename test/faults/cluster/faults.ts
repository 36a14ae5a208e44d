import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { ArmedFailpoint } from "../../../lib/failpoint.ts";
import type { StatefulService } from "../../../lib/topology.ts";
import type { TestDatabase } from "../../support/databases.ts";
import { KINDS, NODES, nodesOf } from "./layout.ts";
import type { Scene } from "./scene.ts";

/** A fault that is to come. */
export interface Fault {
	readonly name: FaultName;
	/** Whom it hits, where it hits one of several. */
	readonly target: string;
	/** How long until it is healed. */
	readonly forMs: number;
	/** Where a node kills itself, for the fault that makes it. */
	readonly at: ArmedFailpoint | null;
}

interface FaultKind {
	/** What happens, and what heals it. */
	readonly how: string;
	readonly heal: string;
	/** One of them is hit. */
	readonly targets: readonly string[];
	/** How often it comes in each round of faults. */
	readonly perRound: number;
	/** It is healed after so long, from and to. */
	readonly lastsMs: readonly [number, number];
	/** So long after the fault, or after its end, requests may fail. */
	readonly limit: { readonly from: "fault" | "heal"; readonly ms: number };
	/** Why it cannot come on this machine. */
	readonly impossible?: string | undefined;
	/** Does it; gives what heals it. */
	strike(scene: Scene, fault: Omit<Fault, "name">): Promise<() => Promise<void> | void>;
}

/** A stopped or separated node is missed after 5 s. */
const HEARTBEAT = [6_000, 8_000] as const;
/** One that has not come to its failpoint by then is killed. */
const FAILPOINT_LIMIT_MS = 30_000;
const HIGH_LATENCY_MS = 150;
/** Until a node that says nothing is missed, and what was asked of it has been given up. */
const SILENCE_LIMIT_MS = 6_000;

const LIBFAKETIME = ["x86_64", "aarch64"]
	.map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
	.find((file) => existsSync(file));

const EVERYTHING = ["everything"];
const kinds = KINDS.map(({ name }) => name);

/** Every fault that the cluster has to survive. */
export const FAULTS = {
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
	"PostgreSQL killed": {
		how: "kill -9 of the server and of all who serve connections",
		heal: "it is started, and recovers",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [500, 2_000],
		limit: { from: "heal", ms: 10_000 },
		async strike({ postgres }) {
			await postgres.kill();
			return postgres.start;
		},
	},
	"PostgreSQL restarted": {
		how: "a fast restart: what is under way is rolled back",
		heal: "it is up again",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [0, 0],
		limit: { from: "heal", ms: 10_000 },
		async strike({ postgres }) {
			await postgres.start();
			return () => {};
		},
	},
	"PostgreSQL stopped": {
		how: "SIGSTOP of all of it",
		heal: "SIGCONT",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [3_000, 6_000],
		limit: { from: "heal", ms: 10_000 },
		async strike({ postgres }) {
			await postgres.pause();
			return postgres.resume;
		},
	},
	"connections terminated": {
		how: "pg_terminate_backend of every connection of every node",
		heal: "they connect again by themselves",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [0, 0],
		limit: { from: "heal", ms: 10_000 },
		async strike(scene) {
			await databaseOf(scene, "orders").db.query(
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%@%'",
			);
			return () => {};
		},
	},
	"pool exhausted": {
		how: "another session holds the table of orders locked, until every connection of a service waits",
		heal: "it lets go",
		targets: ["orders", "trading"] satisfies StatefulService[],
		perRound: 1,
		lastsMs: [4_000, 7_000],
		limit: { from: "heal", ms: 10_000 },
		strike: (scene, { target }) => lockTable(databaseOf(scene, target as StatefulService)),
	},
	"disk full": {
		how: "nothing more can be written to PostgreSQL's disk",
		heal: "there is room; a server that has given up is started",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [4_000, 6_000],
		limit: { from: "heal", ms: 10_000 },
		impossible: process.getuid?.() === 0 ? undefined : "it takes root to give PostgreSQL a disk of its own",
		async strike({ postgres }) {
			await postgres.fillDisk();
			return postgres.freeDisk;
		},
	},
	"NATS killed": {
		how: "kill -9 of nats-server",
		heal: "it is started",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [500, 2_000],
		limit: { from: "heal", ms: 5_000 },
		async strike({ nats }) {
			await nats.kill();
			return nats.start;
		},
	},
	"NATS stopped": {
		how: "SIGSTOP of nats-server",
		heal: "SIGCONT",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [2_000, 4_000],
		limit: { from: "heal", ms: 5_000 },
		async strike({ nats }) {
			nats.pause();
			return nats.resume;
		},
	},
	"JetStream store deleted": {
		how: "kill -9 of nats-server, and nothing of what it had stored is left",
		heal: "it is started",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [500, 1_000],
		limit: { from: "heal", ms: 5_000 },
		async strike({ nats }) {
			await nats.kill();
			await nats.wipe();
			return nats.start;
		},
	},
	"Redis killed": {
		how: "kill -9 of redis-server, and nothing of what it had stored is left",
		heal: "it is started",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [1_000, 3_000],
		limit: { from: "fault", ms: 1_000 },
		async strike({ redis }) {
			await redis.kill();
			return redis.start;
		},
	},
	"Redis stopped": {
		how: "SIGSTOP of redis-server",
		heal: "SIGCONT",
		targets: EVERYTHING,
		perRound: 1,
		lastsMs: [2_000, 4_000],
		limit: { from: "fault", ms: 1_000 },
		async strike({ redis }) {
			redis.pause();
			return redis.resume;
		},
	},
	"wrong clock": {
		how: "kill -9 of a node, which is started with a clock that is an hour fast or slow",
		heal: "it is started with the right one",
		targets: NODES.flatMap((node) => [`${node} +1h`, `${node} -1h`]),
		perRound: 1,
		lastsMs: [6_000, 6_000],
		limit: { from: "heal", ms: 5_000 },
		impossible: LIBFAKETIME ? undefined : "libfaketime is not installed",
		async strike(scene, { target }) {
			const [node = "", offset = ""] = target.split(" ");
			await scene.kill(node);
			scene.start(node, {
				settings: { LD_PRELOAD: LIBFAKETIME ?? "", FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: "1" },
			});
			return async () => {
				await scene.kill(node);
				scene.start(node);
			};
		},
	},
} as const satisfies Readonly<Record<string, FaultKind>>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** The kind of fault that `name` names. */
export function faultKind(name: FaultName): FaultKind {
	return FAULTS[name];
}

/** Resolves once the table is locked, with what unlocks it. */
async function lockTable({ db }: TestDatabase): Promise<() => Promise<void>> {
	const locked = Promise.withResolvers<void>();
	const over = Promise.withResolvers<void>();
	const holding = db.transaction(async (tx) => {
		await tx.query("SET LOCAL idle_in_transaction_session_timeout = 0");
		await tx.query("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
		locked.resolve();
		await over.promise;
	});
	await Promise.race([locked.promise, holding]);
	return () => {
		over.resolve();
		return holding;
	};
}

function databaseOf({ databases }: Scene, service: StatefulService): TestDatabase {
	const database = databases.get(service);
	if (!database) throw new Error(`there is no database of ${service}`);
	return database;
}
