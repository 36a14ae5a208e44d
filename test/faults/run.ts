import { runProgram } from "../../cli/programs.ts";
import * as eventBus from "./event-bus.ts";

await runProgram("faults", { "event-bus": eventBus });
