import type { Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { DRAIN_GRACE_MS } from "./limits.ts";

const IDLE_CHECK_MS = 50;

/**
 * Serves on for `noticeMs`, in which load balancers see that it is not ready any more. Then takes no more connections,
 * lets the requests in flight finish within a grace, and cuts what is left then.
 */
export async function closeServer(server: Server, noticeMs: number): Promise<void> {
	if (!server.listening) return;
	// Who asks meanwhile is to come back on another connection, which leads to a gateway that stays.
	server.prependListener("request", (_request, response) => response.setHeader("Connection", "close"));
	await delay(noticeMs);
	const closed = new Promise<void>((resolve) => server.close(() => resolve()));
	// A connection that was busy becomes idle, and would otherwise be kept alive.
	const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
	const grace = setTimeout(() => server.closeAllConnections(), DRAIN_GRACE_MS);
	await closed;
	clearInterval(idle);
	clearTimeout(grace);
}
