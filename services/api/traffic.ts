import type { Server, ServerResponse } from "node:http";
import type { Logger } from "moleculer";
import type { Metrics } from "../../lib/metrics/registry.ts";
import { activeSpan, currentTraceparent } from "../../lib/tracing/context.ts";
import type { Endpoint } from "./endpoint.ts";
import type { GatewayAlias, Request } from "./gateway.ts";
import { SLOW_REQUEST_MS } from "./limits.ts";
import type { Problem } from "./problem.ts";

/** What the gateway counts, measures and reports of requests and connections. */
export interface Traffic {
	/** Follows a request until its answer has been sent, or its client has left. */
	follow(request: Request, response: ServerResponse): void;
	/** Notes where the current request goes, and tells its client of its trace, if there is one. */
	routed(endpoint: Endpoint, response: ServerResponse): void;
	/** Notes with which status the current request is answered. */
	answering(status: number): void;
	/** Notes that the request is answered by a problem, and because of which error. */
	refused(request: Request, problem: Problem, errorType: string): void;
	/** Follows the connections of a server. */
	watch(server: Server): void;
}

/** Where a request went that leads nowhere. */
const UNKNOWN = { service: "api", endpoint: "unknown" } as const;

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The usual status of a request whose client has left before its answer, and our code for it. */
const CLIENT_LEFT = { status: "499", code: "CLIENT_LEFT" } as const;

/** Errors that say that a limit was reached, with its name. */
const LIMITS: Readonly<Record<string, string>> = { QUEUE_FULL: "bulkhead", CAPACITY_EXCEEDED: "capacity" };
const TOO_MANY_REQUESTS = 429;

/** Follows requests: into `metrics` where there are any, and those that failed or were slow into the log. */
export function openTraffic(metrics: Metrics | null, logger: Pick<Logger, "warn">): Traffic {
	const problems = new WeakMap<Request, string>();

	function ended(request: Request, response: ServerResponse, tookMs: number): void {
		const { service, endpoint } = placeOf(request.$alias);
		const left = !response.writableFinished;
		const status = left ? CLIENT_LEFT.status : String(response.statusCode);
		const code = problems.get(request) ?? (left ? CLIENT_LEFT.code : undefined);
		if (metrics) {
			const method = METHODS.has(request.method ?? "") ? (request.method as string) : "other";
			metrics.increment("http_requests_total", { service, endpoint, method, status });
			metrics.observe("http_request_duration_seconds", { service, endpoint }, tookMs / 1_000);
			if (code) metrics.increment("http_errors_total", { service, endpoint, error_type: code });
		}
		const failed = response.statusCode >= 500;
		if (!failed && (tookMs < SLOW_REQUEST_MS || request.$alias?.endpoint?.streams)) return;
		logger.warn(`Request ${failed ? "failed" : "was slow"}`, {
			request_id: response.getHeader("X-Request-Id"),
			...traceOf(response),
			method: request.method,
			route: endpoint,
			status: Number(status),
			...(code && { code }),
			duration_ms: Math.round(tookMs),
		});
	}

	return {
		follow(request, response) {
			const startedAtMs = performance.now();
			response.once("close", () => ended(request, response, performance.now() - startedAtMs));
		},
		routed({ method, path }, response) {
			const traceparent = currentTraceparent();
			if (traceparent === undefined) return;
			response.setHeader("traceparent", traceparent);
			activeSpan()
				?.updateName(`${method} ${path}`)
				.setAttributes({ "http.request.method": method, "http.route": path });
		},
		answering(status) {
			activeSpan()?.setAttribute("http.response.status_code", status);
		},
		refused(request, problem, errorType) {
			problems.set(request, problem.code);
			const limit = LIMITS[errorType] ?? (problem.status === TOO_MANY_REQUESTS ? "requests" : undefined);
			if (limit) metrics?.increment("rate_limit_hits_total", { limit });
		},
		watch(server) {
			if (!metrics) return;
			let open = 0;
			server.on("connection", (socket) => {
				open += 1;
				socket.once("close", () => (open -= 1));
			});
			server.on("drop", () => metrics.increment("rate_limit_hits_total", { limit: "connections" }));
			metrics.onScrape(() => metrics.set("active_connections", { service: "api" }, open));
		},
	};
}

function traceOf(response: ServerResponse): { readonly trace_id?: string | undefined } {
	const traceparent = response.getHeader("traceparent");
	return typeof traceparent === "string" ? { trace_id: traceparent.split("-")[1] } : {};
}

/** The service that a request was for, and the pattern of its route: never its path, of which there is no end. */
function placeOf(alias: GatewayAlias | undefined): { readonly service: string; readonly endpoint: string } {
	if (!alias) return UNKNOWN;
	const { endpoint } = alias;
	if (!endpoint) return { service: "api", endpoint: alias.fullPath };
	return { service: endpoint.action.slice(0, endpoint.action.indexOf(".")), endpoint: endpoint.path };
}
