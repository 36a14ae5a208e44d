import { NATS_VARIABLE } from "./cluster-node.ts";

/** Tests for what can be seen or done only where the services are in the test's own process. */
export const testInOneProcess: typeof test = process.env[NATS_VARIABLE] ? test.skip : test;
