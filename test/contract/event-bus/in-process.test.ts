import { inProcessTransport } from "../../../lib/event-bus/in-process.ts";
import { describeEventBus } from "./suite.ts";

describe("the event bus in process", () => {
	describeEventBus(inProcessTransport);
});
