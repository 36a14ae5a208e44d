import type { Envelope } from "../../contracts/events.ts";
import { type Caller, callersOf, items } from "./callers.ts";
import { join, type Member } from "./http-client.ts";
import { operator } from "./operators.ts";
import type { TestApi } from "./services.ts";

export const REASON = "fat finger";
export const BUY = { symbol: "BTC-USD", side: "buy", quantity: "0.1", price: "100" };
export const SELL = { symbol: "BTC-USD", side: "sell", quantity: "0.1", price: "90000" };

/** What is told of a halt. */
export interface Shown {
	readonly scope: string;
	readonly id: string | null;
	readonly by: string | null;
}

export type HaltDesk = Awaited<ReturnType<typeof haltDesk>>;

/** What an admin does about halts and what traders do meanwhile, by HTTP. */
export async function haltDesk(api: TestApi) {
	const { send, deposit } = callersOf(() => api);
	const admin = await operator(api);
	const resume = (request: object, who: Caller = admin) => send("POST /api/risk/resume", { ...who, body: request });
	const halts = async (who: Caller = admin) => items<Shown>(await send("GET /api/risk/status?limit=500", who));
	const place = (who: Caller, order: object) => send("POST /api/orders", { ...who, body: order });
	return {
		send,
		admin,
		/** A user with plenty of everything, who may have more orders open than most. */
		async trader(username: string): Promise<Member> {
			const member = await join(send, username);
			for (const asset of ["BTC", "ETH", "USD"]) await deposit(admin, member, asset, "1000000");
			await send(`PUT /api/risk/limits/${member.user_id}`, { ...admin, body: { max_open_orders: 1_000 } });
			return member;
		},
		halt: (request: object, who: Caller = admin) =>
			send("POST /api/risk/halt", { ...who, body: { mode: "halted", reason: REASON, ...request } }),
		resume,
		/** All halts that `who` sees. */
		halts,
		/** Ends every halt, and the orders of `traders`. */
		async clear(...traders: readonly Member[]): Promise<void> {
			for (const { scope, id } of await halts())
				expect(await resume({ scope, ...(id !== null && { id }) })).toMatchObject({ status: 200 });
			for (const member of traders) await send("DELETE /api/orders", member);
		},
		place,
		/** Places an order that rests; gives its id. */
		async placed(who: Caller, order: object): Promise<string> {
			const { status, body } = await place(who, order);
			expect([status, body["status"]]).toEqual([201, "open"]);
			return String(body["order_id"]);
		},
		/** The history of something. */
		told: async (aggregateId: string) =>
			items<Envelope>(await send(`GET /api/events?aggregate_id=${aggregateId}`, admin)),
	};
}
