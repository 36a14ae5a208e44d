import { createDatabase } from "../support/databases.ts";
import { startServices } from "../support/services.ts";
import net from "node:net";
test("template", async () => {
	let t = Date.now();
	for (const s of ["config", "users", "data"] as const) {
		const a = await createDatabase(s); console.log(s, Date.now() - t); t = Date.now();
		const b = await createDatabase(s); console.log(s, "copy", Date.now() - t); t = Date.now();
		await a.drop(); await b.drop(); console.log("drops", Date.now() - t); t = Date.now();
	}
	expect(() => net.connect(80, "10.1.1.1")).toThrow("must not connect");
	const n = await startServices(["config"]); console.log("start", Date.now() - t);
	console.log(await n.broker.call("config.list").catch((e: Error) => e)); await n.stop();
});
