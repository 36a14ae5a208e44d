import type { Context } from "moleculer";
import type { Meta, Principal, Scope } from "../../contracts/index.ts";
import { type RefusalCode, refuse } from "../../lib/refuse.ts";
import type { ActionName, call } from "../../lib/service.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What goes back to a client that was served. */
export interface Answer {
	/** Where it is not the endpoint's own. */
	readonly status?: number;
	readonly headers?: Readonly<Record<string, string>>;
	/** Sent as JSON, or as it comes when it is a stream of text. */
	readonly body: unknown;
}

type Result<N extends ActionName> = Awaited<ReturnType<typeof call<N>>>;

/** A parameter that a header gives, and whether it must. */
interface HeaderParameter {
	readonly name: string;
	readonly required: boolean;
}

/** One route: where an action is found on the web and where its parameters come from. */
export interface Endpoint<N extends ActionName = ActionName> {
	readonly method: Method;
	/** Its `:name` parts are parameters of the action. */
	readonly path: string;
	readonly action: N;
	/** What an API key must be good for to come here; without it none may. */
	readonly scope?: Scope;
	/** Of an answer, 200 unless told. */
	readonly status?: number;
	/** The query's parameters. */
	readonly query?: Readonly<Record<string, "text" | "integer" | "boolean">>;
	/** Parameters that headers give, by the header's name in lower case. */
	readonly headers?: Readonly<Record<string, HeaderParameter>>;
	/** The members of a JSON object in the body are parameters. */
	readonly body?: true;
	/** Names the account at whose password this may be a guess: they are counted, and so many let through. */
	readonly guarded?: (params: Readonly<Record<string, unknown>>, user: Principal | undefined) => string;
	/** Makes an account, which costs a hash and is kept: so many are let through from an address. */
	readonly registers?: true;
	/** The code for a body over the limit. */
	readonly oversized?: RefusalCode;
	/** Makes the answer, where it is not simply the result. */
	readonly answer?: (
		result: Result<N>,
		ctx: Context<unknown, Meta>,
		params: Readonly<Record<string, unknown>>,
	) => Answer | Promise<Answer>;
	/** Whether the answer's body is a stream, of which there are only so many at a time. */
	readonly streams?: true;
}

/** An endpoint whose `answer` takes what the action gives. */
export function endpoint<const N extends ActionName>(
	method: Method,
	path: string,
	action: N,
	options: Omit<Endpoint<N>, "method" | "path" | "action"> = {},
): Endpoint {
	return { method, path, action, ...options } as unknown as Endpoint;
}

/** Refuses an API key that is not good for `endpoint`, with the scope that it lacks. */
export function assertInScope({ scope }: Endpoint, user: Principal): void {
	if (user.key_id === undefined) return;
	if (scope === undefined) throw refuse("FORBIDDEN", "No API key may do this: log in");
	if (!user.scopes.includes(scope)) throw refuse("FORBIDDEN", `The API key lacks the scope ${scope}`);
}

/** The names of the parameters in an endpoint's path. */
export function pathParameters(path: string): string[] {
	return [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
}
