import type { ServiceBroker } from "moleculer";
import type { HaltMode, TradingScope, TradingState } from "../../../contracts/risk.ts";
import { call } from "../../../lib/service.ts";
import { type Given, type ReplCommand, textOf } from "../command.ts";
import { userOf } from "../people.ts";
import { printTable } from "../table.ts";

const MAX_STATES = 500;

/** `risk status`: what is halted or reducing, since when and by whom. */
export const riskStatus: ReplCommand = {
	name: "risk status",
	description: "Show the trading state: what is halted, why and by whom",
	options: [],
	async run(broker) {
		const { items, next_cursor } = await call(broker, "risk.status", { limit: MAX_STATES });
		printStates(items);
		if (next_cursor) console.log("and more");
	},
};

/** `halt`: stops trading in a scope. */
export const halt: ReplCommand = {
	name: "halt",
	args: "<scope> [id]",
	description: "Stop trading: 'halt global', 'halt symbol BTC-USD' or 'halt user alice'",
	options: [
		{ option: "--reason <text>", description: "why, for the record; in quotes when it has spaces" },
		{ option: "--mode <mode>", description: "halted (unless told), or reducing: sells alone are taken" },
		{ option: "--cancel-open", description: "cancel the orders that are open in it" },
	],
	async run(broker, given) {
		const reason = textOf(given, "reason");
		if (!reason) throw new Error("Why? Say --reason");
		const mode = (textOf(given, "mode") ?? "halted") as HaltMode;
		const request = { ...(await scopeOf(broker, given)), mode, cancel_open: given["cancelOpen"] === true, reason };
		printStates([await call(broker, "risk.halt", request)]);
	},
};

/** `resume`: lets a scope trade again. */
export const resume: ReplCommand = {
	name: "resume",
	args: "<scope> [id]",
	description: "Let trading go on where 'halt' has stopped it",
	options: [{ option: "--reason <text>", description: "why, for the record" }],
	async run(broker, given) {
		const reason = textOf(given, "reason");
		printStates([await call(broker, "risk.resume", { ...(await scopeOf(broker, given)), ...(reason && { reason }) })]);
	},
};

/** Operators know users by name, the trading state by id. */
async function scopeOf(broker: ServiceBroker, given: Given): Promise<{ scope: TradingScope; id?: string }> {
	const scope = textOf(given, "scope") as TradingScope;
	const id = textOf(given, "id");
	if (id === undefined) return { scope };
	return { scope, id: scope === "user" ? (await userOf(broker, id)).user_id : id };
}

function printStates(states: readonly TradingState[]): void {
	const rows = states.map(({ scope, id, mode, since, by, reason }) => [
		scope,
		id ?? "-",
		mode,
		since ?? "-",
		by ?? "-",
		reason ?? "-",
	]);
	printTable(["scope", "id", "mode", "since", "by", "reason"], rows, { nothing: "Nothing is halted" });
}
