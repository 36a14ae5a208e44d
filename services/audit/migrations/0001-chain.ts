import type { Tx } from "../../../lib/db.ts";
import { createDeliveries, createOutbox } from "../../../lib/event-bus/schema.ts";
import { provideRole } from "../../../lib/roles.ts";
import { APP_ROLE } from "../app-role.ts";

/** The records in their chain, its head and its anchors; and the role that may add to them and change nothing. */
export async function up(tx: Tx): Promise<void> {
	await tx.query(RECORDS);
	await tx.query(HEAD);
	await tx.query(ANCHORS);
	await tx.query(GUARDS);
	await createOutbox(tx);
	await createDeliveries(tx);
	await provideRole(tx, APP_ROLE);
	await tx.query(GRANTS);
}

/** `details` is canonical JSON, kept as the text that was hashed. */
const RECORDS = `
	CREATE TABLE records (
		seq bigint PRIMARY KEY CHECK (seq > 0),
		event_id uuid NOT NULL UNIQUE,
		time timestamptz(3) NOT NULL,
		user_id text,
		action text NOT NULL,
		object text NOT NULL,
		ip text,
		result text NOT NULL,
		request_id text NOT NULL,
		data_hash text,
		details text,
		hash text NOT NULL
	);
	CREATE INDEX records_time ON records (time);
	CREATE INDEX records_user ON records (user_id, seq) WHERE user_id IS NOT NULL;
	CREATE INDEX records_action ON records (action, seq);
	CREATE INDEX records_object ON records (object, seq);
	CREATE INDEX records_request ON records (request_id, seq);
	CREATE INDEX records_refusals ON records (result, seq) WHERE result <> 'ok'`;

/** Locked by whoever adds records. \`anchored_seq\` is the last anchor's, \`anchors\` counts them. */
const HEAD = `
	CREATE TABLE chain_head (
		only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
		seq bigint NOT NULL,
		hash text NOT NULL,
		anchored_seq bigint NOT NULL,
		anchors bigint NOT NULL,
		unanchored_since timestamptz,
		CHECK ((unanchored_since IS NULL) = (anchored_seq = seq))
	);
	INSERT INTO chain_head (seq, hash, anchored_seq, anchors) VALUES (0, repeat('0', 64), 0, 0)`;

const ANCHORS = `
	CREATE TABLE anchors (
		seq bigint PRIMARY KEY,
		hash text NOT NULL,
		anchored_at timestamptz NOT NULL DEFAULT now()
	)`;

/** For those whom the grants do not bind, the owner of the tables first of all. */
const GUARDS = `
	CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $guard$
	BEGIN
		RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'integrity_constraint_violation';
	END $guard$;
	CREATE TRIGGER records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON records
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
	CREATE TRIGGER anchors_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON anchors
		FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`;

const GRANTS = `
	GRANT SELECT, INSERT ON records, anchors TO ${APP_ROLE};
	GRANT SELECT, UPDATE ON chain_head TO ${APP_ROLE};
	GRANT SELECT, INSERT, DELETE ON outbox, outbox_queue TO ${APP_ROLE};
	GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_receipt, deliveries TO ${APP_ROLE};
	GRANT SELECT ON migrations TO ${APP_ROLE}`;
