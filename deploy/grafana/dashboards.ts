import type { Dashboard } from "./dashboard.ts";
import { database } from "./dashboards/database.ts";
import { eventBus } from "./dashboards/event-bus.ts";
import { node } from "./dashboards/node.ts";
import { orderPath } from "./dashboards/order-path.ts";
import { overview } from "./dashboards/overview.ts";

/** What operators look at. */
export const DASHBOARDS: readonly Dashboard[] = [overview, orderPath, eventBus, database, node];
