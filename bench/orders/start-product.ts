import { databaseName, databaseVariable, STATEFUL_SERVICES } from "../../lib/topology.ts";
import { onServer, serverUrl } from "../../test/support/databases.ts";
import type { Sandbox } from "../../test/support/sandbox.ts";
import { type Child, startChild } from "./children.ts";
import type { ProductTold } from "./traffic.ts";

/** Enough that none of them is waited for. */
const TRADERS = 32;

interface Options {
	/** What its databases' names begin with, and its folder's: one sandbox has room for several. */
	readonly prefix?: string;
	readonly env?: Readonly<Record<string, string>>;
}

/** Starts the embedded mode on new databases of the sandbox's server, with rich traders. */
export async function startProduct(
	sandbox: Sandbox,
	{ prefix = "", env = {} }: Options = {},
): Promise<Child<ProductTold>> {
	const nameOf = (service: (typeof STATEFUL_SERVICES)[number]) => `${prefix}${databaseName(service)}`;
	await onServer(async (server) => {
		for (const service of STATEFUL_SERVICES) await server.query(`CREATE DATABASE ${nameOf(service)}`);
	});
	const urls = STATEFUL_SERVICES.map((service) => [databaseVariable(service), serverUrl(nameOf(service))]);
	const settings = { PORT: "0", DATA_DIR: `${sandbox.folder}/${prefix}data`, LOG_LEVEL: "warn", ...env };
	return startChild<ProductTold>(sandbox, "product.ts", [String(TRADERS)], {
		...Object.fromEntries(urls),
		...settings,
	});
}
