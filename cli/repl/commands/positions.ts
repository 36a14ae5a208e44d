import { call } from "../../../lib/service.ts";
import { type ReplCommand, textOf } from "../command.ts";
import { onBehalfOf, userOf } from "../people.ts";
import { printTable } from "../table.ts";

/** `positions USER`: what a user has, what it is worth, and what he has made. */
export const positions: ReplCommand = {
	name: "positions",
	args: "<user>",
	description: "Show a user's positions, balances and equity; the user by name or id",
	options: [],
	async run(broker, given) {
		const user = await userOf(broker, textOf(given, "user") as string);
		const as = onBehalfOf(user);
		const [held, balances, account] = await Promise.all([
			call(broker, "trading.positions", undefined, as),
			call(broker, "trading.balances", undefined, as),
			call(broker, "trading.account", {}, as),
		]);
		console.log(`${user.username} (${user.user_id}), ${user.status}: equity ${account.equity} ${account.asset}`);
		printTable(
			["symbol", "quantity", "average", "last", "value", "realized", "unrealized", "fees"],
			held.map((position) => [
				position.symbol,
				position.quantity,
				position.average_price ?? "-",
				position.last_price,
				position.value,
				position.realized_profit,
				position.unrealized_profit,
				position.fees,
			]),
			{ nothing: "No positions", right: ["quantity", "average", "last", "value", "realized", "unrealized", "fees"] },
		);
		printTable(
			["asset", "balance", "held", "available"],
			balances.map(({ asset, balance, held: inOrders, available }) => [asset, balance, inOrders, available]),
			{ nothing: "No balances", right: ["balance", "held", "available"] },
		);
	},
};
