import type { Page, PageQuery, Role, Timestamp } from "./common.ts";

export type UserStatus = "active" | "suspended";

export interface User {
	readonly user_id: string;
	readonly username: string;
	readonly email: string;
	readonly status: UserStatus;
	readonly roles: readonly Role[];
	readonly created_at: Timestamp;
	readonly updated_at: Timestamp;
}

export interface UsersApi {
	/** Idempotent by `user_id`. Refuses `USERNAME_TAKEN`, `EMAIL_TAKEN`, `MAX_USERS`. */
	create(params: {
		readonly user_id: string;
		readonly username: string;
		readonly email: string;
		readonly roles?: readonly Role[];
	}): User;
	/** For `auth` alone: the user of that name, or null. Names are compared without regard to case. */
	resolve(params: { readonly username: string }): User | null;
	/** For services: the user of that id, or null. */
	find(params: { readonly user_id: string }): User | null;
	me(): User;
	get(params: { readonly user_id: string }): User;
	list(params: PageQuery): Page<User>;
	update(params: { readonly user_id: string; readonly username?: string; readonly email?: string }): User;
	suspend(params: { readonly user_id: string }): User;
	resume(params: { readonly user_id: string }): User;
}

export interface UsersEvents {
	"users.created": User;
	"users.updated": User;
}
