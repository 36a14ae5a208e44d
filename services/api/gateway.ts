import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Redis } from "ioredis";
import { type CallingOptions, Errors, type Service } from "moleculer";
import ApiGateway, { type Alias, type IncomingRequest } from "moleculer-web";
import type { Meta } from "../../contracts/index.ts";
import { isRefusal, refuse } from "../../lib/refuse.ts";
import { ABSENCE_PATIENCE_MS, onceServed } from "../../lib/served.ts";
import { tracingOf } from "../../lib/tracing/context.ts";
import type { DenialQueue } from "./denial-queue.ts";
import { denialOf } from "./denials.ts";
import { type Endpoint, pathParameters } from "./endpoint.ts";
import { HEALTH_PATH } from "./health.ts";
import { type OutgoingAnswer, sendJson, sendOptions, sendStream, setCorsHeaders, setHeaders } from "./http.ts";
import type { Identity } from "./identity.ts";
import * as limits from "./limits.ts";
import { problemBody, problemHeaders, problemOf } from "./problem.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { Readiness } from "./readiness.ts";
import { requestIdOf } from "./request.ts";
import type { StreamSlots } from "./stream-slots.ts";
import type { Traffic } from "./traffic.ts";

/** moleculer-web's service with what ours adds to it. */
export interface Gateway extends Service {
	readonly aliases: readonly GatewayAlias[];
	readonly httpHandler: (request: IncomingMessage, response: ServerResponse) => void;
	server: Server;
	identity: Identity;
	readiness: Readiness;
	denials: DenialQueue;
	streams: StreamSlots;
	traffic: Traffic;
	origins: ReadonlySet<string>;
	rates: RateLimits;
	redis: Redis | null;
	addressOf(request: IncomingMessage): string;
	/** Set while the gateway stops; resolves when it has. */
	closing: Promise<void> | undefined;
	drain(): Promise<void>;
	methodsAt(path: string): string[];
	sendProblem(request: Request, response: ServerResponse, error: unknown, headers?: Record<string, string>): void;
}
/** A route of the gateway as moleculer-web keeps it. */
export type GatewayAlias = Omit<Alias, "handler"> & {
	/** Of what the gateway answers by itself. */
	readonly handler: ((this: Gateway, request: Request, response: ServerResponse) => void) | null;
	readonly fullPath: string;
	readonly re: RegExp;
	match(path: string): Readonly<Record<string, string>> | false;
	readonly endpoint?: Endpoint;
};

/** A request as moleculer-web passes it on, with its query as we parse it. */
export type Request = Omit<IncomingRequest, "query" | "$alias" | "$service"> & {
	query: URLSearchParams;
	$alias?: GatewayAlias;
	readonly $service: Gateway;
};

/** Methods of moleculer-web that ours go on with. */
const itsOwn = ApiGateway.methods as {
	aliasHandler(this: Gateway, request: Request, response: ServerResponse, alias: GatewayAlias): Promise<unknown>;
};

const NO_QUERY = new URLSearchParams();

/** Begins every request: its id, its deadline, and what every answer carries. */
export function beginRequest(
	options: CallingOptions & { untraced?: boolean },
	request: Request,
	response: ServerResponse,
): void {
	request.$service.traffic.follow(request, response);
	const { "x-request-id": givenId, "user-agent": agent = "", traceparent } = request.headers;
	const meta: Meta = {
		deadline: Date.now() + limits.REQUEST_TIME_MS,
		...(typeof traceparent === "string" && tracingOf(request.$service.broker) && { traceparent }),
		client: { ip: request.$service.addressOf(request), user_agent: agent.slice(0, limits.MAX_USER_AGENT_LENGTH) },
	};
	options.requestID = requestIdOf(givenId);
	// Probes ask every few seconds.
	options.untraced = request.url?.startsWith(HEALTH_PATH) ?? false;
	options.meta = meta;
	setHeaders(response, options.requestID);
	response.setHeader("RateLimit-Policy", request.$service.rates.policy);
}

/** Methods of moleculer-web that we do otherwise, under its names, and a few of our own. */
export const gatewayMethods = {
	/** With the limits that Node gives only when a server is made. */
	createServer(this: Gateway) {
		this.server = createServer(
			{
				headersTimeout: limits.HEADERS_TIMEOUT_MS,
				requestTimeout: limits.BODY_TIMEOUT_MS,
				keepAliveTimeout: limits.KEEP_ALIVE_MS,
				connectionsCheckingInterval: limits.CONNECTION_CHECK_MS,
			},
			this.httpHandler,
		);
		this.server.maxConnections = limits.MAX_CONNECTIONS;
	},

	/** Its own would make objects and arrays of a query. */
	parseQueryString({ url = "" }: IncomingMessage) {
		const start = url.indexOf("?");
		return start < 0
			? { url, query: NO_QUERY }
			: { url: url.slice(0, start), query: new URLSearchParams(url.slice(start)) };
	},

	/** What can be got can be asked for its headers alone. */
	resolveAlias(this: Gateway, url: string, method = "GET") {
		const wanted = method === "HEAD" ? "GET" : method;
		for (const alias of this.aliases) {
			const params = alias.method === wanted && alias.match(url);
			if (params) return { alias, params };
		}
		return false;
	},

	/**
	 * Its own fails at once when nobody serves the action at this moment, and waits for a client that has left when the
	 * gateway answers by itself.
	 */
	async aliasHandler(this: Gateway, request: Request, response: ServerResponse, alias: GatewayAlias) {
		if (alias.handler) {
			alias.handler.call(this, request, response);
			return true;
		}
		const { action } = alias.endpoint ?? {};
		if (action !== undefined) await onceServed(this.broker, action, performance.now() + ABSENCE_PATIENCE_MS);
		return itsOwn.aliasHandler.call(this, request, response, alias);
	},

	/** Its own answers an unknown origin with 403, and runs the action when CORS is off. Says whether it has answered. */
	corsHandler(this: Gateway, _settings: unknown, request: Request, response: ServerResponse): boolean {
		setCorsHeaders(this.origins, request, response);
		if (request.method !== "OPTIONS") return false;
		const methods = this.methodsAt(request.parsedUrl);
		if (methods.length > 0) sendOptions(response, methods);
		return methods.length > 0;
	},

	sendResponse(this: Gateway, request: Request, response: ServerResponse, answer: OutgoingAnswer) {
		const { body } = answer;
		this.traffic.answering(answer.status);
		if (!(body instanceof Readable)) return sendJson(request, response, answer);
		sendStream(request, response, answer, body, (error) =>
			this.logger.warn("An answer was cut off", { request_id: response.getHeader("X-Request-Id") }, error),
		);
	},

	send404(this: Gateway, request: Request, response: ServerResponse) {
		const methods = this.methodsAt(request.parsedUrl);
		if (methods.length === 0)
			this.sendProblem(request, response, refuse("NOT_FOUND", "There is nothing at this address"));
		else this.sendProblem(request, response, refuse("METHOD_NOT_ALLOWED"), { Allow: methods.join(", ") });
	},

	errorHandler(this: Gateway, request: Request, response: ServerResponse, error: unknown) {
		const denial = denialOf(error, request);
		if (denial) this.denials.add(denial);
		this.sendProblem(request, response, error);
	},

	sendProblem(
		this: Gateway,
		request: Request,
		response: ServerResponse,
		error: unknown,
		headers: Record<string, string> = {},
	) {
		const endpoint = request.$alias?.endpoint;
		const problem = problemOf(error, {
			writes: request.method !== "GET" && request.method !== "HEAD",
			path: endpoint ? pathParameters(endpoint.path) : [],
		});
		const id = String(response.getHeader("X-Request-Id"));
		const path = request.parsedUrl ?? request.url ?? "";
		this.traffic.answering(problem.status);
		this.traffic.refused(request, problem, error instanceof Errors.MoleculerError ? error.type : "");
		// What another has answered with, it has told of itself. A path may hold what a client calls its own.
		if (problem.code === "INTERNAL_ERROR" && !isRefusal(error, "INTERNAL_ERROR"))
			this.logger.error(`${request.method} ${endpoint?.path ?? ""} failed`, { request_id: id }, error);
		sendJson(
			request,
			response,
			{
				status: problem.status,
				headers: { ...problemHeaders(problem), ...headers },
				body: problemBody(problem, { id, path }),
			},
			"application/problem+json",
		);
	},

	methodsAt(this: Gateway, path: string): string[] {
		const methods = this.aliases.filter((alias) => alias.re.test(path)).map((alias) => alias.method);
		if (methods.length === 0) return [];
		return [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
	},
};
