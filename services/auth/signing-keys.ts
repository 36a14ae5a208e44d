import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";
import type { JsonWebKeySet, SigningKey } from "../../contracts/auth.ts";
import type { User } from "../../contracts/users.ts";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import { originOf } from "../../lib/caller.ts";
import type { Db } from "../../lib/db.ts";
import { type Auth, hintRevoked, type Request } from "./auth.commands.ts";
import { spentKeys, statesOf } from "./domain/signing-keys.ts";
import {
	deleteSigningKeys,
	insertSigningKey,
	type KeptKey,
	type KeyPair,
	listSigningKeys,
	lockSigningKeys,
} from "./signing-keys.store.ts";

/** Gives a signed access token for a session of `user`. */
export type Sign = (user: User, sessionId: string) => Promise<string>;

/** How soon a node sees what another has changed about the keys. */
const LOOK_AGAIN_MS = 5_000;

/** A signer with the key whose turn it is; the first of all it makes itself. */
export async function openSigner(db: Db): Promise<Sign> {
	const load = async () => {
		const { kid, private_jwk } = await keyWhoseTurnItIs(db);
		return { kid, key: await importJWK(private_jwk, ACCESS_TOKEN.algorithm), loadedAtMs: performance.now() };
	};
	let current = load();
	await current;

	return async (user, sessionId) => {
		const { loadedAtMs } = await current.catch(() => ({ loadedAtMs: Number.NEGATIVE_INFINITY }));
		if (performance.now() - loadedAtMs >= LOOK_AGAIN_MS) current = load();
		const { kid, key } = await current;
		return new SignJWT({ sid: sessionId, username: user.username, roles: user.roles })
			.setProtectedHeader({ alg: ACCESS_TOKEN.algorithm, kid, typ: ACCESS_TOKEN.type })
			.setIssuer(ACCESS_TOKEN.issuer)
			.setAudience(ACCESS_TOKEN.audience)
			.setSubject(user.user_id)
			.setIssuedAt()
			.setExpirationTime(`${ACCESS_TOKEN.lifetimeS}s`)
			.sign(key);
	};
}

async function keyWhoseTurnItIs(db: Db): Promise<KeyPair> {
	const kept = await listSigningKeys(db);
	return signingOf(kept) ?? makeFirst(db);
}

/** Nodes that start together make one. */
function makeFirst(db: Db): Promise<KeyPair> {
	return db.transaction(async (tx) => {
		await lockSigningKeys(tx);
		const made = signingOf(await listSigningKeys(tx));
		if (made) return made;
		const key = await newSigningKey();
		await insertSigningKey(tx, key);
		return key;
	});
}

function signingOf(keys: readonly KeptKey[]): KeptKey | undefined {
	return keys[statesOf(keys).indexOf("signing")];
}

async function newSigningKey(): Promise<KeyPair> {
	const pair = await generateKeyPair(ACCESS_TOKEN.algorithm, { extractable: true });
	const publicJwk = await exportJWK(pair.publicKey);
	const kid = await calculateJwkThumbprint(publicJwk);
	return {
		kid,
		private_jwk: await exportJWK(pair.privateKey),
		public_jwk: { ...publicJwk, kid, alg: ACCESS_TOKEN.algorithm, use: "sig" },
	};
}

/** The keys that access tokens are or will be signed with, without their private parts. */
export async function publicKeys(db: Db): Promise<JsonWebKeySet> {
	const keys = await listSigningKeys(db);
	return { keys: keys.map((key) => ({ ...key.public_jwk })) };
}

/** The keys of access tokens and what each is good for, newest first. */
export async function signingKeys(db: Db): Promise<SigningKey[]> {
	return shown(await listSigningKeys(db));
}

function shown(keys: readonly KeptKey[]): SigningKey[] {
	const states = statesOf(keys);
	return keys.map(({ kid, created_at }, i) => ({
		kid,
		state: states[i] as SigningKey["state"],
		created_at: created_at.toISOString(),
	}));
}

/**
 * Adds a key that will sign instead of the one that does; while one waits for its turn nothing changes. After a
 * compromise the new one signs at once, and nothing that another has signed is good any more.
 */
export function rotateSigningKey(auth: Auth, ctx: Request<"rotateSigningKey">): Promise<SigningKey[]> {
	const { compromised = false } = ctx.params;
	return auth.db.transaction(async (tx) => {
		await lockSigningKeys(tx);
		const before = await listSigningKeys(tx);
		if (!compromised && statesOf(before).includes("published")) return shown(before);
		if (compromised) {
			await deleteSigningKeys(
				tx,
				before.map(({ kid }) => kid),
			);
			hintRevoked(auth, tx);
		}
		const key = await newSigningKey();
		await insertSigningKey(tx, key);
		auth.stage(tx, [
			{
				type: "auth.signing_key_rotated",
				aggregate_id: `signing-key:${key.kid}`,
				aggregate_seq: 1,
				data: { kid: key.kid, compromised },
				...originOf(ctx),
			},
		]);
		return shown(await listSigningKeys(tx));
	});
}

/** Forgets keys of which no token is good any more. */
export async function sweepSigningKeys(db: Db): Promise<void> {
	await db.transaction(async (tx) => {
		await lockSigningKeys(tx);
		const spent = spentKeys(await listSigningKeys(tx), ACCESS_TOKEN.lifetimeS);
		if (spent.length > 0) await deleteSigningKeys(tx, spent);
	});
}
