import { addFloor } from "../../../lib/event-bus/schema.ts";

/** The outbox knows how far its events are handled by all. */
export const up = addFloor;
