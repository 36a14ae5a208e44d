import { callerOf } from "../../lib/caller.ts";
import type { TypedService } from "../../lib/service.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { type Database, database } from "../../mixins/database.mixin.ts";
import { type Outbox, outbox } from "../../mixins/outbox.mixin.ts";
import { followUsers, login, logout, refresh, register, revokeSession } from "./auth.commands.ts";
import { listSessions, publicKeys, revokedSessions } from "./auth.queries.ts";
import { sweepSessions } from "./auth.store.ts";
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, type Passwords, passwords } from "./passwords.ts";
import { openSigner, type Sign } from "./tokens.ts";

const SWEEP_INTERVAL_MS = 10 * 60 * 1000;

/** Longer than any name or address that `users` takes; it has the last word on their form. */
const MAX_NAME_LENGTH = 254;
const name = { type: "string", min: 1, max: MAX_NAME_LENGTH } as const;
const newPassword = { type: "string", min: MIN_PASSWORD_LENGTH, max: MAX_PASSWORD_LENGTH } as const;

interface Parts {
	passwords: Passwords;
	sign: Sign;
	sweep: NodeJS.Timeout;
}

const auth: TypedService<"auth", {}, Database & Outbox & Parts> = {
	name: "auth",
	mixins: [database("auth"), outbox("auth"), consumer("auth")],

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
			params: { $$strict: true, username: name, password: { type: "string", min: 1, max: MAX_PASSWORD_LENGTH } },
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
		jwks: {
			auth: "public",
			cache: true,
			handler() {
				return publicKeys(this.db);
			},
		},
		revokedSessions: {
			auth: "internal",
			params: { $$strict: true, since: { type: "string", max: 40, nullable: true } },
			handler(ctx) {
				return revokedSessions(this.db, ctx.params.since);
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
			sweepSessions(this.db).catch((error) => this.logger.warn("ended sessions could not be swept", error));
		}, SWEEP_INTERVAL_MS);
	},

	async stopped() {
		clearInterval(this.sweep);
	},
};

export default auth;
