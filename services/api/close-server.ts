import type { Server } from "node:http";
import { DRAIN_GRACE_MS } from "./limits.ts";

const IDLE_CHECK_MS = 50;

/** Takes no more connections, lets the requests in flight finish within a grace, and cuts what is left then. */
export async function closeServer(server: Server): Promise<void> {
	if (!server.listening) return;
	const closed = new Promise<void>((resolve) => server.close(() => resolve()));
	// A connection that was busy becomes idle, and would otherwise be kept alive.
	const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
	const grace = setTimeout(() => server.closeAllConnections(), DRAIN_GRACE_MS);
	await closed;
	clearInterval(idle);
	clearTimeout(grace);
}
