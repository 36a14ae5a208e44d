import { runProgram } from "../../cli/programs.ts";
import * as eventBus from "./event-bus.ts";
import * as orders from "./orders.ts";

await runProgram("faults", { "event-bus": eventBus, orders });
