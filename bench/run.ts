import { runProgram } from "../cli/programs.ts";
import * as audit from "./audit.ts";
import * as engine from "./engine.ts";
import * as eventBus from "./event-bus.ts";
import * as metrics from "./metrics.ts";
import * as orders from "./orders.ts";
import * as recovery from "./recovery.ts";

await runProgram("bench", { audit, engine, "event-bus": eventBus, metrics, orders, recovery });
