import { randomBytes } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";
import type { User } from "../../contracts/users.ts";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import type { Db } from "../../lib/db.ts";
import { hashOf } from "../../lib/token-hash.ts";
import { insertSigningKey, listSigningKeys, lockSigningKeys, type SigningKey } from "./auth.store.ts";

const TOKEN_BYTES = 32;

/** Gives a signed access token for a session of `user`. */
export type Sign = (user: User, sessionId: string) => Promise<string>;

/** A signer with the newest key in the database, which it adds when there is none yet. */
export async function openSigner(db: Db): Promise<Sign> {
	const { kid, private_jwk } = await db.transaction(async (tx) => {
		await lockSigningKeys(tx);
		const [newest] = await listSigningKeys(tx);
		if (newest) return newest;
		const key = await newSigningKey();
		await insertSigningKey(tx, key);
		return key;
	});
	const key = await importJWK(private_jwk, ACCESS_TOKEN.algorithm);
	return (user, sessionId) =>
		new SignJWT({ sid: sessionId, username: user.username, roles: user.roles })
			.setProtectedHeader({ alg: ACCESS_TOKEN.algorithm, kid, typ: ACCESS_TOKEN.type })
			.setIssuer(ACCESS_TOKEN.issuer)
			.setAudience(ACCESS_TOKEN.audience)
			.setSubject(user.user_id)
			.setIssuedAt()
			.setExpirationTime(`${ACCESS_TOKEN.lifetimeS}s`)
			.sign(key);
}

async function newSigningKey(): Promise<SigningKey> {
	const pair = await generateKeyPair(ACCESS_TOKEN.algorithm, { extractable: true });
	const publicJwk = await exportJWK(pair.publicKey);
	const kid = await calculateJwkThumbprint(publicJwk);
	return {
		kid,
		private_jwk: await exportJWK(pair.privateKey),
		public_jwk: { ...publicJwk, kid, alg: ACCESS_TOKEN.algorithm, use: "sig" },
	};
}

/** A random token that says nothing, and what is kept of it. */
export function newToken(): { token: string; hash: string } {
	const token = randomBytes(TOKEN_BYTES).toString("base64url");
	return { token, hash: hashOf(token) };
}
