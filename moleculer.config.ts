import { type BrokerOptions, Errors } from "moleculer";
import { type Env, env } from "./lib/env.ts";
import { jsonLine, type LoggerBindings, shown } from "./lib/log-format.ts";
import { refuse } from "./lib/refuse.ts";
import { useOwnShard } from "./lib/shard.ts";
import { cacher } from "./lib/shared-cache.ts";
import { circuitBreaker, isSpared } from "./middlewares/circuit-breaker.ts";
import { deadline } from "./middlewares/deadline.ts";
import { markNeverBegun } from "./middlewares/elsewhere.ts";
import { endpointLives } from "./middlewares/endpoint-lives.ts";
import { guards } from "./middlewares/index.ts";
import { metrics } from "./middlewares/metrics.ts";
import { tracing } from "./middlewares/tracing.ts";

/** An order is answered in tens of milliseconds; after this long its outcome is better asked for than waited for. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Longer than any call may take, so that a node that stops has answered all it took. */
const SHUTDOWN_TIMEOUT_MS = 2 * REQUEST_TIMEOUT_MS;

/** Until the others have heard that a stopping node takes no more calls. Alone there is nobody to hear it. */
const STOP_DELAY_MS = 500;

/** A lost connection to NATS is tried again so soon, where the client by itself takes two seconds. */
const RECONNECT_MS = 250;

/**
 * Errors that speak of the endpoint, not of the request: only they may take it out of the balancer. A call that was
 * rejected because its node is gone says nothing of the one that may be there now.
 */
const ENDPOINT_FAILURES: ReadonlySet<string> = new Set(["REQUEST_TIMEOUT", "SERVICE_UNAVAILABLE"]);

/**
 * From the handler outwards. Moleculer's own order with these changes: the circuit breaker stands outside the timeout,
 * because inside it would never see one, and around calls to other nodes alone; retry, fallback, tracing and metrics,
 * which nothing uses, are not there. The deadline is checked innermost once more, since a call may wait in the
 * bulkhead.
 */
const MIDDLEWARES: NonNullable<BrokerOptions["middlewares"]> = [
	deadline,
	"ActionHook",
	"Validator",
	"Bulkhead",
	"Cacher",
	"ContextTracker",
	"Timeout",
	circuitBreaker,
	endpointLives,
	"ErrorHandler",
	...guards,
];

const TRANSIT: NonNullable<BrokerOptions["transit"]> & { serviceChangedDebounceTime: number } = {
	// Waiting packets are those of calls: without a limit a NATS that is away would fill the memory.
	maxQueueSize: 10_000,
	// What a node has begun to serve it tells at once; by default it waits for a second, and nobody calls it until then.
	serviceChangedDebounceTime: 50,
};

/** What went wrong inside stays in this node's log: messages may hold SQL, paths and personal data. */
const hideInternalErrors: NonNullable<BrokerOptions["errorHandler"]> = function (error, info) {
	const action = "actionName" in info ? info.actionName : info.action?.name;
	if (error instanceof Errors.ServiceNotFoundError || error instanceof Errors.ServiceNotAvailableError) {
		const asked = (error.data as { readonly nodeID?: string } | null)?.nodeID;
		const refusal = refuse("SERVICE_UNAVAILABLE", `${action} cannot be reached`);
		// Alone nobody else will come; and what this node lacks itself is for its caller to find elsewhere.
		throw this.transit && asked !== this.nodeID ? markNeverBegun(refusal) : refusal;
	}
	if (error instanceof Errors.MoleculerError) throw error;
	const { requestID = null } = "ctx" in info ? info.ctx : {};
	this.logger.error(`Unexpected error in ${action}`, { request_id: requestID }, error);
	throw refuse("INTERNAL_ERROR");
};

/** As Moleculer asks for it: what is given to `console`. */
function formatJson(level: string, args: unknown[], bindings: LoggerBindings): string[] {
	return [jsonLine(level, args, bindings)];
}

/** The broker of a node, as the environment wants it. */
export function brokerOptions(settings: Env = env()): BrokerOptions {
	useOwnShard();
	return {
		namespace: settings.namespace,
		nodeID: settings.nodeId,
		transporter: transporter(settings),
		logger: {
			type: "Console",
			options: {
				level: settings.logLevel,
				formatter: settings.logFormat === "json" ? formatJson : "short",
				objectPrinter: shown,
				colors: settings.logFormat === "text" && process.stdout.isTTY,
			},
		},

		requestTimeout: REQUEST_TIMEOUT_MS,
		// A call that timed out may still run: only a caller that knows the action to be idempotent may repeat it.
		retryPolicy: { enabled: false },
		// The longest path is gateway, orders, trading, data; what goes deeper goes in circles.
		maxCallLevel: 8,
		// A dead node is found in 5 s at most. Less than four missed beats would drop nodes on a busy machine.
		heartbeatInterval: 1,
		heartbeatTimeout: 4,
		tracking: { enabled: true, shutdownTimeout: SHUTDOWN_TIMEOUT_MS },
		registry: { strategy: "RoundRobin", preferLocal: true, stopDelay: settings.transporter ? STOP_DELAY_MS : 0 },
		circuitBreaker: {
			enabled: true,
			threshold: 0.5,
			minRequestCount: 20,
			// Short: the bad seconds have to outvote the good ones that stand before them in the same window.
			windowTime: 3,
			halfOpenTime: 2_000,
			check: (error) => ENDPOINT_FAILURES.has((error as Errors.MoleculerError).type) && !isSpared(error),
		},
		// Commands that arrive together share a commit, so many may run at once; what comes beyond is refused (503).
		bulkhead: { enabled: true, concurrency: 512, maxQueueSize: 1_024 },
		transit: TRANSIT,
		dependencyInterval: 100,

		cacher: cacher(settings.redisUrl),
		validator: true,
		// Its histograms have no sum unless they keep every value of a minute: see docs/decisions/0008-observability.md.
		metrics: false,
		// Its spans are no trace of W3C's, and its exporter waits without bounds: docs/decisions/0008-observability.md.
		tracing: false,

		internalMiddlewares: false,
		middlewares: [...MIDDLEWARES, metrics(settings), tracing(settings)],
		errorHandler: hideInternalErrors,
		// Whoever starts the node stops it: the order of the parts matters, and the process must outlive the broker.
		skipProcessEventRegistration: true,
	};
}

/** Credentials go into options: Moleculer logs and publishes URLs. */
function transporter({ transporter: servers, nodeId }: Env): Exclude<BrokerOptions["transporter"], undefined> {
	if (!servers) return null;
	const urls = servers.split(",").map((server) => new URL(server.trim()));
	const { username, password } = urls[0] as URL;
	return {
		type: "NATS",
		options: {
			servers: urls.map((url) => `${url.protocol}//${url.host}`),
			...(username && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
			...(nodeId && { name: nodeId }),
			// A node that starts before NATS waits for it.
			waitOnFirstConnect: true,
			reconnectTimeWait: RECONNECT_MS,
		},
	};
}
