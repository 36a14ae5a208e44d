import type { StatefulService } from "../../../lib/topology.ts";
import type { TestDatabase } from "../../support/databases.ts";
import { databaseOf, EVERYTHING, type FaultKind } from "./fault-kind.ts";

/** What befalls PostgreSQL, NATS and Redis. */
export const SERVER_FAULTS = {
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
} as const satisfies Readonly<Record<string, FaultKind>>;

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
