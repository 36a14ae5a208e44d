import type { ReplCommand } from "../command.ts";
import { leases, outbox } from "./backlogs.ts";
import { book } from "./book.ts";
import { eventsTail } from "./events-tail.ts";
import { keys, keysRotate } from "./keys.ts";
import { order, orderCancel, orderPlace, orders } from "./orders.ts";
import { password } from "./password.ts";
import { positions } from "./positions.ts";
import { halt, resume, riskStatus } from "./risk.ts";
import { verify } from "./verify.ts";

/** What an operator can say beside Moleculer's own commands. */
export const COMMANDS: readonly ReplCommand[] = [
	book,
	orders,
	order,
	orderPlace,
	orderCancel,
	positions,
	riskStatus,
	halt,
	resume,
	eventsTail,
	outbox,
	leases,
	keys,
	keysRotate,
	password,
	verify,
];
