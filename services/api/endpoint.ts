import type { Context } from "moleculer";
import type { Meta } from "../../contracts/index.ts";
import type { RefusalCode } from "../../lib/refuse.ts";
import type { ActionName, call } from "../../lib/service.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What goes back to a client that was served. */
export interface Answer {
	/** Where it is not the endpoint's own. */
	readonly status?: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body: unknown;
}

type Result<N extends ActionName> = Awaited<ReturnType<typeof call<N>>>;

/** One route: where an action is found on the web and where its parameters come from. */
export interface Endpoint<N extends ActionName = ActionName> {
	readonly method: Method;
	/** Its `:name` parts are parameters of the action. */
	readonly path: string;
	readonly action: N;
	/** Of an answer, 200 unless told. */
	readonly status?: number;
	/** The query's parameters. */
	readonly query?: Readonly<Record<string, "text" | "integer">>;
	/** Parameters that required headers give, by the header's name in lower case. */
	readonly headers?: Readonly<Record<string, string>>;
	/** The members of a JSON object in the body are parameters. */
	readonly body?: true;
	/** The code for a body over the limit. */
	readonly oversized?: RefusalCode;
	/** Makes the answer, where it is not simply the result. */
	readonly answer?: (result: Result<N>, ctx: Context<unknown, Meta>) => Answer | Promise<Answer>;
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

/** The names of the parameters in an endpoint's path. */
export function pathParameters(path: string): string[] {
	return [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
}
