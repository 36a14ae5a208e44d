import type { Balance, Posting } from "../../contracts/trading.ts";
import type { Db, Tx } from "../../lib/db.ts";
import { fromUnits, normalize, subtractDecimals, toUnits } from "../../lib/kernel/decimal.ts";
import { type Account, type Accounts, accountKey, emptyAccount } from "./domain/accounts.ts";
import { ASSET_SCALE } from "./domain/market.ts";

/** The accounts of every owner in every asset, locked in one order for all, so that none wait in a ring. */
export function lockAccounts(tx: Tx, owners: Iterable<string>, assets: readonly string[]): Promise<Accounts> {
	return selectAccounts(tx, owners, assets, "FOR NO KEY UPDATE");
}

/** The same accounts just to look at. */
export function readAccounts(tx: Tx, owners: Iterable<string>, assets: readonly string[]): Promise<Accounts> {
	return selectAccounts(tx, owners, assets, "");
}

async function selectAccounts(
	tx: Tx,
	owners: Iterable<string>,
	assets: readonly string[],
	lock: string,
): Promise<Accounts> {
	const byKey = new Map<string, Account>();
	const names = [...owners];
	for (const owner of names)
		for (const asset of assets) byKey.set(accountKey(owner, asset), emptyAccount(owner, asset));
	const rows = await tx.query<{ owner: string; asset: string; balance: string; held: string }>(
		`SELECT owner, asset, balance, held FROM accounts WHERE owner = ANY($1::text[]) AND asset = ANY($2::text[])
		ORDER BY owner, asset ${lock}`,
		[names, assets],
	);
	for (const row of rows) {
		const account = byKey.get(accountKey(row.owner, row.asset)) as Account;
		account.balance = toUnits(row.balance, ASSET_SCALE);
		account.held = toUnits(row.held, ASSET_SCALE);
		account.stored = true;
	}
	return { byKey, postings: [] };
}

/** Writes what `accounts` has gathered: changed accounts first, then the journals. */
export function saveAccounts(tx: Tx, accounts: Accounts): void {
	const changed = [...accounts.byKey.values()].filter((a) => a.balanceDelta !== 0n || a.heldDelta !== 0n);
	updateAccounts(
		tx,
		changed.filter((account) => account.stored),
	);
	insertAccounts(
		tx,
		changed.filter((account) => !account.stored),
	);
	savePostings(tx, accounts);
}

function updateAccounts(tx: Tx, accounts: readonly Account[]): void {
	if (accounts.length === 0) return;
	tx.execute(
		`UPDATE accounts a SET balance = a.balance + d.balance, held = a.held + d.held
		FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[]) AS d (owner, asset, balance, held)
		WHERE a.owner = d.owner AND a.asset = d.asset`,
		deltaColumns(accounts),
	);
}

/** Somebody else may have made an account meanwhile; what this transaction adds to it is never less than 0. */
function insertAccounts(tx: Tx, accounts: readonly Account[]): void {
	if (accounts.length === 0) return;
	tx.execute(
		`INSERT INTO accounts (owner, asset, balance, held, kind)
		SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[], $5::text[])
		ON CONFLICT (owner, asset) DO UPDATE
		SET balance = accounts.balance + excluded.balance, held = accounts.held + excluded.held`,
		[...deltaColumns(accounts), accounts.map((account) => account.kind)],
	);
}

function deltaColumns(accounts: readonly Account[]): string[][] {
	return [
		accounts.map((account) => account.owner),
		accounts.map((account) => account.asset),
		accounts.map((account) => fromUnits(account.balanceDelta, ASSET_SCALE)),
		accounts.map((account) => fromUnits(account.heldDelta, ASSET_SCALE)),
	];
}

function savePostings(tx: Tx, { postings }: Accounts): void {
	if (postings.length === 0) return;
	tx.execute(
		`INSERT INTO postings (journal_id, kind, reference_id, owner, asset, amount)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::numeric[])`,
		[
			postings.map((posting) => posting.journalId),
			postings.map((posting) => posting.kind),
			postings.map((posting) => posting.referenceId),
			postings.map((posting) => posting.owner),
			postings.map((posting) => posting.asset),
			postings.map((posting) => fromUnits(posting.amount, ASSET_SCALE)),
		],
	);
}

/** The balances of a user in every asset that anything ever happened in. */
export async function selectBalances(db: Db, userId: string): Promise<Balance[]> {
	const rows = await db.query<{ asset: string; balance: string; held: string }>(
		"SELECT asset, balance, held FROM accounts WHERE owner = $1 ORDER BY asset",
		[userId],
	);
	return rows.map(({ asset, balance, held }) => ({
		asset,
		balance: normalize(balance),
		held: normalize(held),
		available: subtractDecimals(balance, held),
	}));
}

interface PostingFilter {
	readonly owner: string;
	readonly asset: string | null;
	readonly before: string | null;
	readonly limit: number;
}

/**
 * The postings on an owner's accounts, newest first: of each account as many as could be in the answer, which an index
 * has in their order. A condition stands there only where it is asked for, since a plan is kept for all values.
 */
export async function selectPostings(db: Db, filter: PostingFilter): Promise<Posting[]> {
	const bind: (string | number)[] = [filter.owner, filter.limit];
	const ofAsset = filter.asset === null ? "" : `AND a.asset = $${bind.push(filter.asset)}`;
	const older = filter.before === null ? "" : `AND posting_id < $${bind.push(filter.before)}`;
	const rows = await db.query<Omit<Posting, "created_at"> & { created_at: Date }>(
		`SELECT p.* FROM accounts a CROSS JOIN LATERAL (
			SELECT posting_id, journal_id, kind, reference_id, asset, amount, created_at FROM postings
			WHERE owner = a.owner AND asset = a.asset ${older} ORDER BY posting_id DESC LIMIT $2) p
		WHERE a.owner = $1 ${ofAsset} ORDER BY posting_id DESC LIMIT $2`,
		bind,
	);
	return rows.map(({ created_at, ...row }) => ({
		...row,
		amount: normalize(row.amount),
		created_at: created_at.toISOString(),
	}));
}
