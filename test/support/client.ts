import type { ServiceBroker } from "moleculer";
import type { Tokens } from "../../contracts/auth.ts";
import type { User } from "../../contracts/users.ts";
import { call } from "../../lib/service.ts";

/** What the gateway answered. */
export interface Reply<T> {
	readonly status: number;
	readonly headers: Headers;
	readonly body: T;
}

/** Speaks to the gateway as any client does; `token` is who it speaks for. */
export interface Client {
	request<T = unknown>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply<T>>;
	get<T = unknown>(path: string): Promise<Reply<T>>;
	post<T = unknown>(path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply<T>>;
}

/** A client that is logged in. */
export interface Trader extends Client {
	readonly user: User;
	readonly token: string;
}

const PASSWORD = "correct horse battery staple";

/** A client of the gateway at `baseUrl`. */
export function client(baseUrl: string, token?: string): Client {
	async function request<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<T>> {
		const response = await fetch(baseUrl + path, {
			method,
			headers: {
				...(token && { Authorization: `Bearer ${token}` }),
				...(body !== undefined && { "Content-Type": "application/json" }),
				...headers,
			},
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
		const text = await response.text();
		return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : null) as T };
	}
	return {
		request,
		get: (path) => request("GET", path),
		post: (path, body, headers) => request("POST", path, body, headers),
	};
}

/** Logs in over HTTP. */
export async function login(baseUrl: string, username: string, password: string): Promise<string> {
	const { status, body } = await client(baseUrl).post<Tokens>("/api/auth/login", { username, password });
	if (status !== 200) throw new Error(`login of ${username}: ${status} ${JSON.stringify(body)}`);
	return body.access_token;
}

/** Registers a user over HTTP and logs in. */
export async function newTrader(baseUrl: string, username: string): Promise<Trader> {
	const account = { username, email: `${username}@example.com`, password: PASSWORD };
	const { status, body: user } = await client(baseUrl).post<User>("/api/users", account);
	if (status !== 201) throw new Error(`registration of ${username}: ${status} ${JSON.stringify(user)}`);
	const token = await login(baseUrl, username, PASSWORD);
	return { ...client(baseUrl, token), user, token };
}

/** Makes an admin, which no client may become by himself, and logs in over HTTP. */
export async function newAdmin(broker: ServiceBroker, baseUrl: string, username = "root"): Promise<Trader> {
	const account = { username, email: `${username}@example.com`, password: PASSWORD };
	const user = await call(broker, "auth.provision", { ...account, roles: ["admin"] });
	const token = await login(baseUrl, username, PASSWORD);
	return { ...client(baseUrl, token), user, token };
}

/** Pays money into a user's account, as an admin does: `{USD: "1000"}`. */
export async function fund(admin: Client, userId: string, amounts: Readonly<Record<string, string>>): Promise<void> {
	for (const [asset, amount] of Object.entries(amounts)) {
		const { status, body } = await admin.post(
			"/api/trading/deposits",
			{ asset, amount, user_id: userId },
			{ "Idempotency-Key": `fund-${userId}-${asset}-${amount}` },
		);
		if (status !== 201) throw new Error(`deposit of ${amount} ${asset}: ${status} ${JSON.stringify(body)}`);
	}
}
