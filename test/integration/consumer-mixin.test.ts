import { ServiceBroker, type ServiceSchema } from "moleculer";
import type { AnyEvent } from "../../contracts/index.ts";
import type { Tx } from "../../lib/db.ts";
import { joinBus, leaveBus } from "../../lib/event-bus/bus.ts";
import { databaseVariable } from "../../lib/topology.ts";
import { consumer } from "../../mixins/consumer.mixin.ts";
import { database } from "../../mixins/database.mixin.ts";
import { createDatabase } from "../support/databases.ts";
import { told } from "../support/told.ts";

test("one function under several types gets their events together and in order, bound to its service", async () => {
	const { url, drop } = await createDatabase("risk");
	process.env[databaseVariable("risk")] = url;
	const runs: string[] = [];
	function note(this: { name: string }, _tx: Tx, events: readonly AnyEvent[]): Promise<void> {
		runs.push(`${this.name} ${events.map(({ type }) => type.split(".")[1]).join(" ")}`);
		return Promise.resolve();
	}
	const broker = new ServiceBroker({ logger: false });
	const schema = {
		name: "risk",
		mixins: [database("risk"), consumer("risk")],
		consumes: {
			"auth.logged_in": note,
			"auth.session_revoked": note,
			async "config.changed"() {
				runs.push("config");
			},
		},
	};
	broker.createService(schema as ServiceSchema);
	await broker.start();
	const login = () => told("auth.logged_in", { user_id: "u", session_id: "s", ip: "", user_agent: "" });
	const logout = () => told("auth.session_revoked", { user_id: "u", session_id: "s", reason: "logout" });
	const change = told("config.changed", { key: "users.max_users", value: 1, version: 1, by: "a" });
	await joinBus(broker).publish([login(), logout(), login(), change, logout()]);
	expect(runs).toEqual(["risk logged_in session_revoked logged_in", "config", "risk session_revoked"]);
	await leaveBus(broker);
	await broker.stop();
	await drop();
});
