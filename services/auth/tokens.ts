import { randomBytes } from "node:crypto";
import { hashOf } from "../../lib/token-hash.ts";

const TOKEN_BYTES = 32;

/** A random token that says nothing, and what is kept of it. */
export function newToken(): { token: string; hash: string } {
	const token = randomBytes(TOKEN_BYTES).toString("base64url");
	return { token, hash: hashOf(token) };
}
