import { setTimeout as delay } from "node:timers/promises";
import { outboxBacklog } from "../../lib/event-bus/outbox.ts";
import type { StatefulService } from "../../lib/topology.ts";
import { AUDIT_INVARIANTS } from "./audit.ts";
import { type AllDatabases, closeDatabases, openDatabases, servicesWith } from "./databases.ts";
import { EVENT_INVARIANTS } from "./events.ts";
import type { Invariant } from "./invariant.ts";
import { LEDGER_INVARIANTS } from "./ledger.ts";
import { ORDER_INVARIANTS } from "./orders.ts";

const INVARIANTS: readonly Invariant[] = [
	...LEDGER_INVARIANTS,
	...ORDER_INVARIANTS,
	...EVENT_INVARIANTS,
	...AUDIT_INVARIANTS,
];

/** How long the state is given to get over a fault before it is looked at: orders left pending, events left waiting. */
const SETTLE_LIMIT_MS = 30_000;
const SETTLE_POLL_MS = 200;
/** What has been under way for longer than this is left over from something. */
const LEFT_OVER_S = 2;
/** While a cluster works, two databases are never read at the same moment: what only seems wrong is right soon. */
const MAX_LOOKS = 4;
const LOOK_AGAIN_MS = 1_000;
/** Enough to see what is wrong. */
const MAX_SHOWN = 10;

/** What a look at one invariant found; `offences` is empty when it holds. */
export interface Finding {
	readonly id: string;
	readonly says: string;
	readonly offences: readonly string[];
}

/**
 * Checks every invariant, and `more`, on the databases at these URLs, once what is under way has settled; calls back
 * with each. One that seems broken is looked at again, `looks` times in all.
 */
export async function verify(
	urlOf: (service: StatefulService) => string,
	onFinding: (finding: Finding) => void,
	looks = MAX_LOOKS,
	more: readonly Invariant[] = [],
): Promise<boolean> {
	const dbs = openDatabases(urlOf);
	try {
		await settled(dbs);
		let allHold = true;
		const inOrder = [...INVARIANTS, ...more].toSorted((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
		for (const invariant of inOrder) {
			const offences = await lookAt(invariant, dbs, looks);
			if (offences.length > 0) allHold = false;
			onFinding({ id: invariant.id, says: invariant.says, offences });
		}
		return allHold;
	} finally {
		await closeDatabases(dbs);
	}
}

/** One line per invariant, and one more for each of its first offences. */
export function showFinding({ id, says, offences }: Finding): string {
	const lines = [
		`  ${offences.length === 0 ? "✓" : "✗"} ${id.padEnd(4)} ${says}`,
		...offences.slice(0, MAX_SHOWN).map(indent),
	];
	if (offences.length > MAX_SHOWN) lines.push(indent(`and ${offences.length - MAX_SHOWN} more`));
	return lines.join("\n");
}

function indent(line: string): string {
	return `         ${line}`;
}

/** What is truly wrong is wrong at every look. */
async function lookAt(invariant: Invariant, dbs: AllDatabases, looks: number): Promise<readonly string[]> {
	let offences = await invariant.check(dbs);
	for (let look = 1; look < looks && offences.length > 0; look++) {
		await delay(LOOK_AGAIN_MS);
		const again = new Set(await invariant.check(dbs));
		offences = offences.filter((offence) => again.has(offence));
	}
	return offences;
}

async function settled(dbs: AllDatabases): Promise<void> {
	const patience = performance.now() + SETTLE_LIMIT_MS;
	while (performance.now() < patience && (await hasLeftOvers(dbs))) await delay(SETTLE_POLL_MS);
}

async function hasLeftOvers(dbs: AllDatabases): Promise<boolean> {
	const age = `interval '${LEFT_OVER_S} seconds'`;
	const [pending] = await dbs.orders.query(
		`SELECT 1 FROM orders WHERE status = 'pending' AND created_at < clock_timestamp() - ${age} LIMIT 1`,
	);
	const [sweep] = await dbs.orders.query("SELECT 1 FROM cancel_sweeps WHERE done_at IS NULL LIMIT 1");
	if (pending || sweep) return true;
	for (const service of await servicesWith(dbs, "deliveries")) {
		const [waiting] = await dbs[service].query(
			`SELECT 1 FROM deliveries WHERE state <> 'dead' AND created_at < clock_timestamp() - ${age} LIMIT 1`,
		);
		if (waiting) return true;
	}
	for (const service of await servicesWith(dbs, "outbox")) {
		if ((await outboxBacklog(dbs[service])).oldest_age_ms > LEFT_OVER_S * 1_000) return true;
	}
	return false;
}
