import { callerOf } from "../../lib/caller.ts";
import { optionalKey } from "../../lib/idempotency.ts";
import { pageRules, UUID_KEY } from "../../lib/page.ts";
import type { TypedService } from "../../lib/service.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Idempotency, idempotency } from "../../mixins/idempotency.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { createKey, deleteKey } from "./api-keys.commands.ts";
import { listKeys, verifyKey } from "./api-keys.queries.ts";
import { sweepKeys } from "./api-keys.store.ts";
import { followUsers, login, logout, refresh, register, revokeSession } from "./auth.commands.ts";
import { listSessions, revocations } from "./auth.queries.ts";
import { sweepSessions } from "./auth.store.ts";
import { changePassword, resetPassword } from "./password.commands.ts";
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, type Passwords, passwords } from "./passwords.ts";
import { openSigner, publicKeys, rotateSigningKey, type Sign, signingKeys, sweepSigningKeys } from "./signing-keys.ts";

const SWEEP_INTERVAL_MS = 10 * 60 * 1000;

/** Longer than any name or address that `users` takes; it has the last word on their form. */
const MAX_NAME_LENGTH = 254;
const name = { type: "string", min: 1, max: MAX_NAME_LENGTH } as const;
/** Letters of any script, without what cannot be seen or would reorder the line. */
const keyName = { type: "string", min: 1, max: 64, pattern: /^(?=.*\S)[^\p{C}\p{Zl}\p{Zp}]*$/u } as const;
/** More than one program has addresses. */
const MAX_ADDRESS_RANGES = 20;
/** Longer than any of them is written. */
const MAX_RANGE_LENGTH = 50;
/** Ids in the one form that the database gives them back in. */
const keyId = { type: "string", pattern: UUID_KEY } as const;
const anyPassword = { type: "string", min: 1, max: MAX_PASSWORD_LENGTH } as const;
const newPassword = { type: "string", min: MIN_PASSWORD_LENGTH, max: MAX_PASSWORD_LENGTH } as const;

interface Parts {
	passwords: Passwords;
	sign: Sign;
	sweep: NodeJS.Timeout;
}

const auth: TypedService<"auth", {}, Database & Outbox & Idempotency & Parts> = {
	name: "auth",
	mixins: [database("auth"), outbox("auth"), consumer("auth"), idempotency()],

	actions: {
		register: {
			auth: "public",
			params: { $$strict: true, username: name, email: name, password: newPassword },
			handler(ctx) {
				return register(this, ctx, ["trader"]);
			},
		},
		provision: {
			auth: "internal",
			params: {
				$$strict: true,
				username: name,
				email: name,
				password: newPassword,
				roles: { type: "array", items: "string" },
			},
			handler(ctx) {
				return register(this, ctx, ctx.params.roles);
			},
		},
		login: {
			auth: "public",
			params: { $$strict: true, username: name, password: anyPassword },
			handler(ctx) {
				return login(this, ctx);
			},
		},
		refresh: {
			auth: "public",
			params: { $$strict: true, refresh_token: { type: "string", min: 1, max: 100 } },
			handler(ctx) {
				return refresh(this, ctx);
			},
		},
		changePassword: {
			auth: "user",
			params: { $$strict: true, current_password: anyPassword, new_password: newPassword },
			handler(ctx) {
				return changePassword(this, ctx);
			},
		},
		resetPassword: {
			auth: "admin",
			params: { $$strict: true, user_id: "uuid" },
			handler(ctx) {
				return resetPassword(this, ctx);
			},
		},
		logout: {
			auth: "user",
			handler(ctx) {
				return logout(this, ctx);
			},
		},
		sessions: {
			auth: "user",
			handler(ctx) {
				return listSessions(this.db, callerOf(ctx));
			},
		},
		revokeSession: {
			auth: "user",
			params: { $$strict: true, session_id: "uuid" },
			handler(ctx) {
				return revokeSession(this, ctx);
			},
		},
		createApiKey: {
			auth: "user",
			params: {
				$$strict: true,
				name: keyName,
				scopes: { type: "array", min: 1, unique: true, items: { type: "enum", values: ["read", "trade"] } },
				ip_allow: {
					type: "array",
					min: 1,
					max: MAX_ADDRESS_RANGES,
					unique: true,
					items: { type: "string", max: MAX_RANGE_LENGTH },
					optional: true,
					nullable: true,
				},
				idempotency_key: optionalKey,
			},
			handler(ctx) {
				return createKey(this, ctx);
			},
		},
		apiKeys: {
			auth: "user",
			handler(ctx) {
				return listKeys(this.db, callerOf(ctx).user_id);
			},
		},
		deleteApiKey: {
			auth: "user",
			params: { $$strict: true, key_id: keyId },
			handler(ctx) {
				return deleteKey(this, ctx);
			},
		},
		verifyApiKey: {
			auth: "internal",
			params: { $$strict: true, key_id: keyId, secret_hash: { type: "string", pattern: /^[\w-]{43}$/ } },
			handler(ctx) {
				return verifyKey(this, ctx);
			},
		},
		jwks: {
			auth: "public",
			handler() {
				return publicKeys(this.db);
			},
		},
		signingKeys: {
			auth: "admin",
			handler() {
				return signingKeys(this.db);
			},
		},
		rotateSigningKey: {
			auth: "admin",
			params: { $$strict: true, compromised: { type: "boolean", optional: true } },
			handler(ctx) {
				return rotateSigningKey(this, ctx);
			},
		},
		revocations: {
			auth: "internal",
			params: { $$strict: true, since: { type: "string", max: 40, nullable: true }, cursor: pageRules.cursor },
			handler(ctx) {
				return revocations(this.db, ctx.params);
			},
		},
	},

	consumes: {
		"users.updated"(tx, events) {
			return followUsers(this, tx, events);
		},
	},

	created() {
		this.passwords = passwords();
	},

	async started() {
		this.sign = await openSigner(this.db);
		this.sweep = setInterval(() => {
			Promise.all([sweepSessions(this.db), sweepKeys(this.db), sweepSigningKeys(this.db)]).catch((error) =>
				this.logger.warn("what ended could not be swept", error),
			);
		}, SWEEP_INTERVAL_MS);
	},

	async stopped() {
		clearInterval(this.sweep);
	},
};

export default auth;
