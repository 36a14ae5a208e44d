import type { Transfer, TransferRequest } from "../../contracts/trading.ts";
import type { Tx } from "../../lib/db.ts";
import { normalize } from "../../lib/kernel/decimal.ts";

interface TransferRow extends Omit<Transfer, "created_at"> {
	readonly created_at: Date;
}

function transferOf(row: TransferRow): Transfer {
	const { transfer_id, kind, user_id, asset, amount, created_at } = row;
	return { transfer_id, kind, user_id, asset, amount: normalize(amount), created_at: created_at.toISOString() };
}

type Draft = TransferRequest & Pick<Transfer, "kind" | "user_id">;

/** Keeps a transfer; null when the actor has used this idempotency key before. */
export async function insertTransfer(
	tx: Tx,
	transferId: string,
	actorId: string,
	draft: Draft,
): Promise<Transfer | null> {
	const [row] = await tx.query<TransferRow>(
		`INSERT INTO transfers (transfer_id, actor_id, idempotency_key, kind, user_id, asset, amount)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (actor_id, idempotency_key) DO NOTHING RETURNING *`,
		[transferId, actorId, draft.idempotency_key, draft.kind, draft.user_id, draft.asset, draft.amount],
	);
	return row ? transferOf(row) : null;
}

/** The transfer that the actor made under this key. */
export async function readTransfer(tx: Tx, actorId: string, idempotencyKey: string): Promise<Transfer> {
	const [row] = await tx.query<TransferRow>("SELECT * FROM transfers WHERE actor_id = $1 AND idempotency_key = $2", [
		actorId,
		idempotencyKey,
	]);
	if (!row) throw new Error(`transfer under key ${idempotencyKey} is gone`);
	return transferOf(row);
}
