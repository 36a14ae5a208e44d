import { httpClient, type Reply, type Send } from "./http-client.ts";
import type { TestApi } from "./services.ts";

/** Who has logged in. */
export interface Caller {
	readonly token: string;
}

/** The items of a page. */
export function items<Item = Record<string, unknown>>({ body }: Reply): Item[] {
	return body["items"] as Item[];
}

/** What callers ask of the gateway of `api`, which may start later. */
export function callersOf(api: () => TestApi) {
	const send: Send = (route, sent) => httpClient(api().baseUrl)(route, sent);
	const as = ({ token }: Caller) => ({
		get: (path: string) => send(`GET ${path}`, { token }),
		post: (path: string, body?: object, headers = {}) => send(`POST ${path}`, { token, body, headers }),
		put: (path: string, body: object) => send(`PUT ${path}`, { token, body }),
		patch: (path: string, body: object) => send(`PATCH ${path}`, { token, body }),
		delete: (path: string) => send(`DELETE ${path}`, { token }),
	});
	let deposits = 0;
	return {
		send,
		as,
		/** What a caller has, by asset: `1 (0.5 held)`. */
		async balances(caller: Caller): Promise<Record<string, string>> {
			const rows = items(await as(caller).get("/api/trading/balances"));
			return Object.fromEntries(rows.map((row) => [row["asset"], `${row["balance"]} (${row["held"]} held)`]));
		},
		/** An admin pays in. */
		async deposit(admin: Caller, user: { readonly user_id: string }, asset: string, amount: string): Promise<void> {
			const key = { "Idempotency-Key": `deposit-${++deposits}` };
			const body = { user_id: user.user_id, asset, amount };
			expect(await as(admin).post("/api/trading/deposits", body, key)).toMatchObject({ status: 201 });
		},
	};
}
