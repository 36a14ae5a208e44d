import type { ServerResponse } from "node:http";
import type { Context, ServiceSchema, ServiceSettingSchema } from "moleculer";
import ApiGateway from "moleculer-web";
import type { Meta } from "../../contracts/index.ts";
import { REVOKED } from "../../lib/access-token.ts";
import { env } from "../../lib/env.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { metricsOf } from "../../lib/metrics/registry.ts";
import { call } from "../../lib/service.ts";
import { closeServer } from "./close-server.ts";
import { openDenialQueue } from "./denial-queue.ts";
import { assertInScope } from "./endpoint.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { beginRequest, type Gateway, gatewayMethods, type Request } from "./gateway.ts";
import { healthRoutes } from "./health.ts";
import { openIdentity } from "./identity.ts";
import { GATEWAY_CALL_MS, MAX_STREAMS, STOP_NOTICE_MS } from "./limits.ts";
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
		if (request.$action.auth !== "public") {
			const user = await this.identity.identify(request.headers, ctx.meta.client?.ip ?? "");
			assertInScope(endpoint, user);
			Object.assign(ctx.meta, { user });
		}
		if (endpoint.streams) this.streams.take(response);
		request.$params = await parametersOf(endpoint, request, request.$params.params, request.query);
		failpoint("api.before_call");
	},

	async onAfterCall(ctx: Context<unknown, Meta>, _route: unknown, request: Request, _response: unknown, result: never) {
		failpoint("api.before_answer");
		const endpoint = request.$alias?.endpoint;
		const answer = endpoint?.answer ? await endpoint.answer(result, ctx, request.$params) : { body: result };
		return { status: endpoint?.status ?? 200, ...answer };
	},
};

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
	actions: { rest: { auth: "public" }, listAliases: false, addRoute: false, removeRoute: false },
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
	},

	created() {
		const { port, host, corsOrigins } = env();
		Object.assign(this.settings, { port, ip: host });
		this.origins = new Set(corsOrigins);
		this.identity = openIdentity(this.broker);
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
	},
};

export default api;
