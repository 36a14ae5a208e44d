import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createNode } from "../../cli/node.ts";
import { env } from "../../lib/env.ts";

/**
 * A node with the services that the environment names. Tells its parent that it has started, and ends with it.
 */
const STOP_GRACE_MS = 10_000;

const broker = await createNode(env().services);
await broker.start();
process.send?.({ started: true });
await once(process, "disconnect");
await Promise.race([broker.stop(), delay(STOP_GRACE_MS)]);
process.exit(0);
