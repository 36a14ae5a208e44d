import { addActor } from "../../../lib/event-bus/schema.ts";

/** Events tell who is behind them. */
export const up = addActor;
