import { hash } from "node:crypto";

/** What is kept of a token or secret, and what it is known by: with 256 random bits a plain hash is enough. */
export function hashOf(token: string): string {
	return hash("sha256", token, "base64url");
}
