import type { ServerResponse } from "node:http";
import { refuse } from "../../lib/refuse.ts";
import type { Gateway, Request } from "./gateway.ts";
import { sendJson } from "./http.ts";

/** What all that probes ask begins with. */
export const HEALTH_PATH = "/health";

/** What probes ask: answered by the gateway itself, whoever else is there. */
export const healthRoutes = {
	"GET /health"(this: Gateway, request: Request, response: ServerResponse) {
		const isWhole = !this.closing && this.readiness.look().missing.length === 0;
		sendStatus(request, response, isWhole ? "ok" : "degraded");
	},
	"GET /health/live"(this: Gateway, request: Request, response: ServerResponse) {
		sendStatus(request, response, "ok");
	},
	"GET /health/ready"(this: Gateway, request: Request, response: ServerResponse) {
		const { missing, awaited } = this.readiness.look();
		const refused = (reason: string) => this.sendProblem(request, response, refuse("NOT_READY", reason));
		if (this.closing) refused("The gateway is stopping");
		else if (awaited.length > 0) refused(`Waiting for ${awaited.join(", ")}`);
		else sendStatus(request, response, missing.length > 0 ? "degraded" : "ok", { missing });
	},
};

function sendStatus(request: Request, response: ServerResponse, status: "ok" | "degraded", more: object = {}): void {
	const body = { service: "api", status, timestamp: new Date().toISOString(), ...more };
	sendJson(request, response, { status: 200, body });
}
