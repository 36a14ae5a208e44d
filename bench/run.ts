import { runProgram } from "../cli/programs.ts";
import * as audit from "./audit.ts";
import * as engine from "./engine.ts";
import * as eventBus from "./event-bus.ts";

await runProgram("bench", { audit, engine, "event-bus": eventBus });
