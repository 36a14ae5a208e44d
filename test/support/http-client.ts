/** What the gateway answered; `body` is the JSON of it. */
export interface Reply {
	readonly status: number;
	readonly headers: Headers;
	readonly body: Readonly<Record<string, unknown>>;
}

interface Sent {
	readonly token?: string | undefined;
	/** Sent as JSON, unless it is text or bytes. */
	readonly body?: unknown;
	readonly headers?: Readonly<Record<string, string>>;
	/** How long to wait for the answer: as long as it takes unless told. */
	readonly timeoutMs?: number;
}

export type Send = (route: string, sent?: Sent) => Promise<Reply>;

/** Sends requests such as `GET /api/users` to the gateway at `baseUrl`. */
export function httpClient(baseUrl: string): Send {
	return async (route, { token, body, headers = {}, timeoutMs } = {}) => {
		const [method = "", path = ""] = route.split(" ");
		const raw = typeof body === "string" || body instanceof Uint8Array;
		const response = await fetch(baseUrl + path, {
			method,
			headers: {
				...(token && { Authorization: `Bearer ${token}` }),
				...(body !== undefined && { "Content-Type": "application/json" }),
				...headers,
			},
			...(timeoutMs !== undefined && { signal: AbortSignal.timeout(timeoutMs) }),
			...(body !== undefined && { body: raw ? (body as NonNullable<RequestInit["body"]>) : JSON.stringify(body) }),
		});
		const text = await response.text();
		return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} };
	};
}

/** A user who has registered and logged in. */
export interface Member {
	readonly user_id: string;
	readonly username: string;
	readonly password: string;
	readonly token: string;
	readonly refreshToken: string;
}

/** Registers `username` over HTTP and logs in. */
export async function join(send: Send, username: string): Promise<Member> {
	const password = `${username}-long-enough`;
	const { status, body: user } = await send("POST /api/users", {
		body: { username, email: `${username}@example.com`, password },
	});
	if (status !== 201) throw new Error(`${username} cannot register: ${JSON.stringify(user)}`);
	return { user_id: String(user["user_id"]), username, password, ...(await logIn(send, username, password)) };
}

/** The headers of an API key. */
export type KeyHeaders = { readonly "X-Api-Key": string; readonly "X-Api-Secret": string };

/** Makes an API key for a user who has logged in. */
export async function makeKey(
	send: Send,
	{ token }: Pick<Member, "token">,
	scopes: readonly string[],
	more: object = {},
): Promise<KeyHeaders> {
	const { status, body } = await send("POST /api/auth/api-keys", { token, body: { name: "bot", scopes, ...more } });
	if (status !== 201) throw new Error(`no API key is made: ${JSON.stringify(body)}`);
	return { "X-Api-Key": String(body["key_id"]), "X-Api-Secret": String(body["secret"]) };
}

/** Tokens of a new session. */
export async function logIn(
	send: Send,
	username: string,
	password: string,
): Promise<{ token: string; refreshToken: string }> {
	const { status, body } = await send("POST /api/auth/login", { body: { username, password } });
	if (status !== 200) throw new Error(`${username} cannot log in: ${JSON.stringify(body)}`);
	return { token: String(body["access_token"]), refreshToken: String(body["refresh_token"]) };
}
