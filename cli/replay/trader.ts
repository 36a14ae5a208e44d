import { setTimeout as delay } from "node:timers/promises";
import type { Page } from "../../contracts/common.ts";
import type { Order, PlaceOrder } from "../../contracts/orders.ts";
import type { Trade } from "../../contracts/trading.ts";

/** So often a request is tried; an order keeps its `client_order_id`, so it is placed once. */
const MAX_TRIES = 10;
const RETRY_AFTER_MS = 500;
const PENDING_POLL_MS = 100;
const MAX_POLLS = 600;
const PAGE = 500;

/** Somebody with an account, a password and a token, who talks to the gateway as any client does. */
export interface Trader {
	place(order: PlaceOrder & { readonly client_order_id: string }): Promise<Order>;
	deposit(asset: string, amount: string, key: string): Promise<void>;
	cancelOpen(symbol: string): Promise<void>;
}

interface Answer {
	readonly status: number;
	readonly body: unknown;
}

interface Credentials {
	readonly username: string;
	readonly password: string;
}

/** The rate of retries and the refusals are the gateway's; anything but the expected statuses is an error. */
async function request(url: string, method: string, headers: Record<string, string>, body?: object): Promise<Answer> {
	for (let attempt = 1; ; attempt++) {
		try {
			const response = await fetch(url, {
				method,
				headers: { ...headers, ...(body && { "content-type": "application/json" }) },
				...(body && { body: JSON.stringify(body) }),
			});
			const answer = { status: response.status, body: await response.json() };
			if (response.status < 500 || attempt === MAX_TRIES) return answer;
		} catch (error) {
			if (attempt === MAX_TRIES) throw error;
		}
		await delay(RETRY_AFTER_MS);
	}
}

function expectStatus({ status, body }: Answer, what: string, ...expected: number[]): void {
	if (!expected.includes(status)) throw new Error(`${what}: the gateway answered ${status} ${JSON.stringify(body)}`);
}

/** Logs in, after registering where the name is new. */
export async function openTrader(baseUrl: string, credentials: Credentials): Promise<Trader> {
	let authorization = await logInOrRegister(baseUrl, credentials);

	/** An access token lives for minutes, a replay may for hours. */
	async function authorized(
		path: string,
		method: string,
		body?: object,
		headers: Record<string, string> = {},
	): Promise<Answer> {
		const send = () => request(`${baseUrl}${path}`, method, { authorization, ...headers }, body);
		const answer = await send();
		if (answer.status !== 401) return answer;
		authorization = await logIn(baseUrl, credentials);
		return send();
	}

	return {
		async place(order) {
			let answer = await authorized("/api/orders", "POST", order);
			expectStatus(answer, `order ${order.client_order_id}`, 201, 202);
			for (let poll = 0; (answer.body as Order).status === "pending" && poll < MAX_POLLS; poll++) {
				await delay(PENDING_POLL_MS);
				answer = await authorized(`/api/orders/${(answer.body as Order).order_id}`, "GET");
				expectStatus(answer, `order ${order.client_order_id}`, 200);
			}
			return answer.body as Order;
		},
		async deposit(asset, amount, key) {
			const answer = await authorized("/api/trading/deposits", "POST", { asset, amount }, { "idempotency-key": key });
			expectStatus(answer, `deposit of ${asset}`, 200, 201);
		},
		async cancelOpen(symbol) {
			expectStatus(await authorized(`/api/orders?symbol=${symbol}`, "DELETE"), "cancel all", 200, 207);
		},
	};
}

/** Registering comes second, since an address may do so only so often. */
async function logInOrRegister(baseUrl: string, credentials: Credentials): Promise<string> {
	const answer = await askToLogIn(baseUrl, credentials);
	if (answer.status !== 401) return authorizationIn(answer, credentials);
	const email = `${credentials.username}@replay.example`;
	expectStatus(await request(`${baseUrl}/api/users`, "POST", {}, { ...credentials, email }), "register", 201, 409);
	return logIn(baseUrl, credentials);
}

async function logIn(baseUrl: string, credentials: Credentials): Promise<string> {
	return authorizationIn(await askToLogIn(baseUrl, credentials), credentials);
}

function askToLogIn(baseUrl: string, credentials: Credentials): Promise<Answer> {
	return request(`${baseUrl}/api/auth/login`, "POST", {}, credentials);
}

function authorizationIn(answer: Answer, credentials: Credentials): string {
	expectStatus(answer, `login of ${credentials.username}`, 200);
	return `Bearer ${(answer.body as { access_token: string }).access_token}`;
}

/** How many levels the book of `symbol` has. */
export async function bookLevels(baseUrl: string, symbol: string): Promise<number> {
	const answer = await request(`${baseUrl}/api/data/${symbol}/book`, "GET", {});
	expectStatus(answer, `book of ${symbol}`, 200);
	const { bids, asks } = answer.body as { bids: unknown[]; asks: unknown[] };
	return bids.length + asks.length;
}

/** The public tape of `symbol` after `afterSeq`, oldest trade first. */
export async function readTape(baseUrl: string, symbol: string, afterSeq: number): Promise<Trade[]> {
	const trades: Trade[] = [];
	for (let cursor: string | null = ""; cursor !== null; ) {
		const url: string = `${baseUrl}/api/data/${symbol}/trades?limit=${PAGE}${cursor && `&cursor=${cursor}`}`;
		const answer = await request(url, "GET", {});
		expectStatus(answer, `tape of ${symbol}`, 200);
		const page = answer.body as Page<Trade>;
		trades.push(...page.items.filter((trade) => trade.trade_seq > afterSeq));
		cursor = page.next_cursor;
	}
	return trades;
}
