import { v7 as newId } from "uuid";
import type { Meta, Role } from "../../contracts/index.ts";

/** Call options of a user with a new id, as the gateway would set them. */
export function person(username: string, ...roles: Role[]): { readonly meta: Meta; readonly id: string } {
	const id = newId();
	return { id, meta: { user: { user_id: id, username, roles: ["trader", ...roles], session_id: newId() } } };
}
