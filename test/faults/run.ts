import { runProgram } from "../../cli/programs.ts";
import * as cluster from "./cluster.ts";
import * as eventBus from "./event-bus.ts";
import * as orders from "./orders.ts";
import * as rolling from "./rolling.ts";

await runProgram("faults", { cluster, "event-bus": eventBus, orders, rolling }, "cluster");

// Connections that were broken on purpose may have left a timer or a socket that nobody waits for.
process.exit();
