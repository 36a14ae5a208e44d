import type { Tx } from "../../lib/db.ts";
import { fromUnits, toUnits } from "../../lib/kernel/decimal.ts";
import { type Account, type Accounts, accountKey, emptyAccount } from "./domain/accounts.ts";
import { ASSET_SCALE } from "./domain/market.ts";

/** The accounts of every owner in every asset, locked in one order for all transactions, so that none wait in a ring. */
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
export async function saveAccounts(tx: Tx, accounts: Accounts): Promise<void> {
	const changed = [...accounts.byKey.values()].filter((a) => a.balanceDelta !== 0n || a.heldDelta !== 0n);
	const stored = changed.filter((account) => account.stored);
	const fresh = changed.filter((account) => !account.stored);
	if (stored.length > 0) {
		await tx.query(
			`UPDATE accounts a SET balance = a.balance + d.balance, held = a.held + d.held
			FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[]) AS d (owner, asset, balance, held)
			WHERE a.owner = d.owner AND a.asset = d.asset`,
			deltaColumns(stored),
		);
	}
	if (fresh.length > 0) {
		await tx.query(
			`INSERT INTO accounts (owner, asset, balance, held, kind)
			SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[], $5::text[])
			ON CONFLICT (owner, asset) DO UPDATE
			SET balance = accounts.balance + excluded.balance, held = accounts.held + excluded.held`,
			[...deltaColumns(fresh), fresh.map((account) => account.kind)],
		);
	}
	if (accounts.postings.length > 0) await savePostings(tx, accounts);
}

function deltaColumns(accounts: readonly Account[]): string[][] {
	return [
		accounts.map((account) => account.owner),
		accounts.map((account) => account.asset),
		accounts.map((account) => fromUnits(account.balanceDelta, ASSET_SCALE)),
		accounts.map((account) => fromUnits(account.heldDelta, ASSET_SCALE)),
	];
}

async function savePostings(tx: Tx, { postings }: Accounts): Promise<void> {
	await tx.query(
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
