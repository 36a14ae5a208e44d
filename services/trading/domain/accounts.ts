/** An account of a user or of the house in one asset, in units. `held` is the part that open orders may still cost. */
export interface Account {
	readonly owner: string;
	readonly asset: string;
	readonly kind: "user" | "system";
	balance: bigint;
	held: bigint;
	/** What this batch has changed so far. */
	balanceDelta: bigint;
	heldDelta: bigint;
	/** False while it has no row yet. */
	stored: boolean;
}

/** One line of a journal: the postings of a journal add up to 0 per asset. */
export interface Posting {
	readonly journalId: string;
	readonly kind: "deposit" | "withdrawal" | "trade" | "fee";
	readonly referenceId: string;
	readonly owner: string;
	readonly asset: string;
	readonly amount: bigint;
}

/** The accounts of one transaction and the postings made on them. */
export interface Accounts {
	readonly byKey: ReadonlyMap<string, Account>;
	readonly postings: Posting[];
}

/** The house's account outside the system: what users paid in, less what they took out, with a minus. */
export const EXTERNAL = "external";

/** Where the fees of a market are collected: one per market, so that its writer alone touches it. */
export function feeAccountOf(symbol: string): string {
	return `fees:${symbol}`;
}

/** What the account is found by among those of a transaction. */
export function accountKey(owner: string, asset: string): string {
	return `${owner}/${asset}`;
}

/** An account that nothing has happened on yet. */
export function emptyAccount(owner: string, asset: string): Account {
	const kind = owner === EXTERNAL || owner.startsWith("fees:") ? "system" : "user";
	return { owner, asset, kind, balance: 0n, held: 0n, balanceDelta: 0n, heldDelta: 0n, stored: false };
}

/** The account of `owner` in `asset`; throws when this transaction has not locked it. */
export function accountOf(accounts: Accounts, owner: string, asset: string): Account {
	const account = accounts.byKey.get(accountKey(owner, asset));
	if (!account) throw new Error(`account ${accountKey(owner, asset)} is not part of this transaction`);
	return account;
}

/** What of the account no open order holds. */
export function availableOn(account: Account): bigint {
	return account.balance - account.held;
}

/** Holds `units` more of the account, or releases them when negative. */
export function hold(accounts: Accounts, owner: string, asset: string, units: bigint): void {
	const account = accountOf(accounts, owner, asset);
	account.held += units;
	account.heldDelta += units;
}

/** Posts a whole journal; throws unless it is balanced in every asset. Lines of 0 are left out. */
export function post(accounts: Accounts, postings: readonly Posting[]): void {
	const sums = new Map<string, bigint>();
	for (const posting of postings) sums.set(posting.asset, (sums.get(posting.asset) ?? 0n) + posting.amount);
	for (const [asset, sum] of sums) if (sum !== 0n) throw new Error(`journal is off by ${sum} units of ${asset}`);
	for (const posting of postings) {
		if (posting.amount === 0n) continue;
		const account = accountOf(accounts, posting.owner, posting.asset);
		account.balance += posting.amount;
		account.balanceDelta += posting.amount;
		accounts.postings.push(posting);
	}
}

/** Throws when a user's account is overdrawn or holds more than it has: no command may leave one so. */
export function assertSolvent(accounts: Accounts): void {
	for (const account of accounts.byKey.values()) {
		if (account.kind === "user" && (account.held < 0n || account.balance < account.held))
			throw new Error(
				`account ${accountKey(account.owner, account.asset)}: ${account.balance} with ${account.held} held`,
			);
	}
}
