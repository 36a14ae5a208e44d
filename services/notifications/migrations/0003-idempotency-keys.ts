import { createIdempotencyKeys } from "../../../lib/idempotency.ts";

/** What was asked under a key is done once. */
export const up = createIdempotencyKeys;
