import type { ServerResponse } from "node:http";
import type { ServiceBroker } from "moleculer";
import { env } from "../../lib/env.ts";
import { refuse } from "../../lib/refuse.ts";
import { SERVICE_NAMES } from "../../lib/topology.ts";
import type { Gateway, Request } from "./gateway.ts";
import { sendJson } from "./http.ts";

/** What all that probes ask begins with. */
export const HEALTH_PATH = "/health";

/** What probes ask: answered by the gateway itself, whoever else is there. */
export const healthRoutes = {
	"GET /health"(this: Gateway, request: Request, response: ServerResponse) {
		sendStatus(request, response, whyNotReady(this) === null ? "ok" : "degraded");
	},
	"GET /health/live"(this: Gateway, request: Request, response: ServerResponse) {
		sendStatus(request, response, "ok");
	},
	"GET /health/ready"(this: Gateway, request: Request, response: ServerResponse) {
		const reason = whyNotReady(this);
		if (reason === null) sendStatus(request, response, "ok");
		else this.sendProblem(request, response, refuse("NOT_READY", reason));
	},
};

function sendStatus(request: Request, response: ServerResponse, status: string): void {
	sendJson(request, response, { status: 200, body: { service: "api", status, timestamp: new Date().toISOString() } });
}

function whyNotReady(gateway: Gateway): string | null {
	if (gateway.closing) return "The gateway is stopping";
	const missing = missingServices(gateway.broker);
	return missing.length > 0 ? `Waiting for ${missing.join(", ")}` : null;
}

/** The services that should be there and are not. A node on its own can only have those that it was told to run. */
function missingServices(broker: ServiceBroker): string[] {
	const { transporter, services } = env();
	const expected = transporter ? SERVICE_NAMES : services;
	const there = new Set(broker.registry.getServiceList({ onlyAvailable: true }).map((service) => service.name));
	return expected.filter((name) => !there.has(name));
}
