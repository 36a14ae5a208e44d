import type { ServerResponse } from "node:http";
import type { Context, ServiceSchema, ServiceSettingSchema } from "moleculer";
import ApiGateway from "moleculer-web";
import type { Meta } from "../../contracts/index.ts";
import { REVOKED } from "../../lib/access-token.ts";
import { env } from "../../lib/env.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { metricsOf } from "../../lib/metrics/registry.ts";
import { openRedis } from "../../lib/redis.ts";
import { call } from "../../lib/service.ts";
import { clientAddress } from "./client-address.ts";
import { closeServer } from "./close-server.ts";
import { openDenialQueue } from "./denial-queue.ts";
import { assertInScope } from "./endpoint.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { beginRequest, type Gateway, gatewayMethods, type Request } from "./gateway.ts";
import { healthRoutes } from "./health.ts";
import { openIdentity } from "./identity.ts";
import { GATEWAY_CALL_MS, MAX_STREAMS, STOP_NOTICE_MS } from "./limits.ts";
import { rateLimits } from "./rate-limits.ts";
import { openReadiness } from "./readiness.ts";
import { parametersOf } from "./request.ts";
import { streamSlots } from "./stream-slots.ts";
import { openTraffic } from "./traffic.ts";

const route = {
	path: "/",
	aliases: {
		...healthRoutes,
		// What an alias is given beside its action stays with it.
		...Object.fromEntries(
			ENDPOINTS.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, { action: endpoint.action, endpoint }]),
		),
	},
	mappingPolicy: "restrict",
	mergeParams: false,
	bodyParsers: false,
	logging: false,

	async onBeforeCall(
		this: Gateway,
		ctx: Context<unknown, Meta>,
		_route: unknown,
		request: Request,
		response: ServerResponse,
	) {
		const endpoint = request.$alias?.endpoint;
		if (!endpoint) return;
		this.traffic.routed(endpoint, response);
		await admit(this, ctx, request, response);
		if (endpoint.streams) this.streams.take(response);
		request.$params = await parametersOf(endpoint, request, request.$params.params, request.query);
		if (endpoint.guarded) await this.rates.countLogin(endpoint.guarded(request.$params, ctx.meta.user), addressIn(ctx));
		if (endpoint.registers) await this.rates.countRegistration(addressIn(ctx));
		failpoint("api.before_call");
	},

	async onAfterCall(
		this: Gateway,
		ctx: Context<unknown, Meta>,
		_route: unknown,
		request: Request,
		_response: unknown,
		result: never,
	) {
		failpoint("api.before_answer");
		const endpoint = request.$alias?.endpoint;
		if (endpoint?.guarded)
			await this.rates.forgetLogins(endpoint.guarded(request.$params, ctx.meta.user), addressIn(ctx));
		const answer = endpoint?.answer ? await endpoint.answer(result, ctx, request.$params) : { body: result };
		return { status: endpoint?.status ?? 200, ...answer };
	},
};

/** Counts the request under whoever sent it, who is then known. */
async function admit(gateway: Gateway, ctx: Context<unknown, Meta>, request: Request, response: ServerResponse) {
	const { endpoint } = request.$alias ?? {};
	if (!endpoint) return;
	if (request.$action.auth === "public") return gateway.rates.countAddress(addressIn(ctx), response);
	const user = await gateway.identity.identify(request.headers, addressIn(ctx)).catch(async (error) => {
		await gateway.rates.countAddress(addressIn(ctx), response);
		throw error;
	});
	await gateway.rates.countUser(user, response);
	assertInScope(endpoint, user);
	Object.assign(ctx.meta, { user });
}

function addressIn(ctx: Context<unknown, Meta>): string {
	return ctx.meta.client?.ip ?? "";
}

const api: ServiceSchema<ServiceSettingSchema & Record<string, unknown>, unknown, unknown, Gateway> = {
	name: "api",
	mixins: [ApiGateway],
	settings: {
		// Functions, which nodes cannot tell each other.
		$secureSettings: ["routes", "rootCallOptions"],
		routes: [route],
		rootCallOptions: beginRequest,
		logRequest: null,
		logRequestParams: null,
		logResponse: null,
		logRouteRegistration: "debug",
	},

	// Of moleculer-web's actions only the one that it needs itself.
	actions: {
		// Every request is in it for as long as its client sends and waits, probes as well: what it calls has a bulkhead.
		rest: { auth: "public", bulkhead: { enabled: false } },
		listAliases: false,
		addRoute: false,
		removeRoute: false,
	},
	methods: {
		...gatewayMethods,
		drain(this: Gateway) {
			// What is refused until the end is to be recorded as well.
			const noticeMs = this.broker.transit ? STOP_NOTICE_MS : 0;
			this.closing ??= closeServer(this.server, noticeMs).then(() => this.denials.drain());
			return this.closing;
		},
	},
	events: {
		[REVOKED](this: Gateway) {
			this.identity.update();
		},
		"$services.changed"(this: Gateway) {
			this.readiness.look();
		},
	},

	created() {
		const settings = env();
		const { port, host, corsOrigins, redisUrl, trustedProxies } = settings;
		this.addressOf = clientAddress(trustedProxies);
		this.redis = redisUrl ? openRedis(redisUrl, this.logger) : null;
		this.rates = rateLimits(settings, this.redis);
		Object.assign(this.settings, { port, ip: host });
		this.origins = new Set(corsOrigins);
		this.identity = openIdentity(this.broker, (address) => this.rates.assertAddress(address));
		this.readiness = openReadiness(this.broker);
		this.streams = streamSlots(MAX_STREAMS);
		this.traffic = openTraffic(metricsOf(this.broker), this.logger);
		this.traffic.watch(this.server);
		this.denials = openDenialQueue({
			send: (records) => call(this.broker, "audit.record", { records }, { timeout: GATEWAY_CALL_MS }),
			logger: this.logger,
		});
	},

	async stopped() {
		await this.drain();
		this.identity.stop();
		this.redis?.disconnect();
	},
};

export default api;
