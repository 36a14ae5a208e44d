import type { PlaceOrder, ReplaceOrder } from "../../../contracts/orders.ts";
import type { KeyHeaders } from "../../support/http-client.ts";

/** Who sends orders. */
export interface Trader {
	readonly user_id: string;
	readonly key: KeyHeaders;
}

/** What a trader asks for. */
export type Asked =
	| { readonly kind: "place"; readonly order: PlaceOrder & { readonly client_order_id: string } }
	| { readonly kind: "cancel"; readonly order_id: string }
	| ({ readonly kind: "replace" } & ReplaceOrder);

/** What came back; the status is 0 where nothing did. Times are by `performance.now()`. */
export interface Answer {
	readonly status: number;
	readonly body: Readonly<Record<string, unknown>>;
	readonly sentAt: number;
	readonly answeredAt: number;
}

/** A request with the answers to it, one for each time that it was sent. */
export interface Entry {
	readonly user_id: string;
	readonly asked: Asked;
	/** When it was sent first. */
	readonly begunAt: number;
	readonly answers: Answer[];
}

/** Every request of the campaign, as who sent it knows it. */
export type ClientLog = readonly Entry[];

const SUCCESS = { from: 200, to: 300 };
const CLIENT_ERROR = { from: 400, to: 500 };
/** Those that tell to try again: the server was too slow to read the request, or has had too many. */
const NOT_NOW: ReadonlySet<number> = new Set([408, 429]);

/** Whether the request was done. */
export function isSuccess({ status }: Answer): boolean {
	return status >= SUCCESS.from && status < SUCCESS.to;
}

/** Whether it was refused for good, so that it need not be sent again. */
export function isRefused({ status }: Answer): boolean {
	return status >= CLIENT_ERROR.from && status < CLIENT_ERROR.to && !NOT_NOW.has(status);
}

/** Whether the answer leaves nothing to ask again. */
export function settles(answer: Answer): boolean {
	return isSuccess(answer) || isRefused(answer);
}

/** The last answer, if it settles the request. */
export function settledBy({ answers }: Entry): Answer | null {
	const last = answers.at(-1);
	return last && settles(last) ? last : null;
}
