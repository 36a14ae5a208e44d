import { v7 as newId } from "uuid";
import { type Sweeper, startSweeper } from "../../services/notifications/sweeper.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { until } from "../support/until.ts";

/** What a user keeps. */
const KEPT = 1_000;
const DAY_MS = 24 * 3_600_000;
/** It sweeps every five seconds. */
const PATIENCE_MS = 20_000;
const TEST_MS = 30_000;

let database: TestDatabase;
let sweeper: Sweeper;
beforeEach(async () => {
	database = await createDatabase("notifications");
	sweeper = startSweeper({ db: database.db, logger: { warn: () => {} } });
});
afterEach(async () => {
	await sweeper.stop();
	await database.drop();
});

/** Has a user so many notifications from `ageMs` ago, the later ones with the higher numbers. */
async function notify(userId: string, count: number, ageMs = 0): Promise<void> {
	const msecs = Date.now() - ageMs;
	const ids = Array.from({ length: count }, (_, seq) => newId({ msecs, seq }));
	await database.db.query(
		`INSERT INTO notifications (notification_id, user_id, kind, key, title, body, data, in_inbox, created_at)
		SELECT id, $1, 'order_filled', id::text, '', n::text, '{}', true, now()
		FROM unnest($2::uuid[]) WITH ORDINALITY AS t (id, n)`,
		[userId, ids],
	);
}

async function kept(userId: string): Promise<readonly number[]> {
	const rows = await database.db.query<{ n: number }>(
		"SELECT body::integer AS n FROM notifications WHERE user_id = $1 ORDER BY notification_id",
		[userId],
	);
	return rows.map(({ n }) => n);
}

test(
	"of whoever is told of thousands of things between two sweeps no more is left than a user keeps, the latest",
	async () => {
		const [ann, bob] = [newId(), newId()];
		await notify(ann, 3 * KEPT + 500);
		await notify(bob, 10);
		sweeper.grown([ann, bob]);
		await until(async () => (await kept(ann)).length === KEPT, PATIENCE_MS);
		expect((await kept(ann))[0]).toBe(2 * KEPT + 501);
		expect(await kept(bob)).toHaveLength(10);
	},
	TEST_MS,
);

test(
	"what is older than 90 days goes, however much there is; what is younger stays",
	async () => {
		const [ann, bob] = [newId(), newId()];
		await notify(ann, 12 * KEPT, 91 * DAY_MS);
		await notify(bob, 10, 89 * DAY_MS);
		await until(async () => (await kept(ann)).length === 0, PATIENCE_MS);
		expect(await kept(bob)).toHaveLength(10);
	},
	TEST_MS,
);
