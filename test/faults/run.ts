import { runProgram } from "../../cli/programs.ts";
import * as cluster from "./cluster.ts";
import * as eventBus from "./event-bus.ts";
import * as orders from "./orders.ts";
import * as rolling from "./rolling.ts";

await runProgram("faults", { cluster, "event-bus": eventBus, orders, rolling }, "cluster");
