import type { Sandbox } from "../../test/support/sandbox.ts";
import { type Child, startChild } from "./children.ts";
import { createDatabases } from "./servers.ts";
import { TRADERS } from "./traders.ts";
import type { ProductTold } from "./traffic.ts";

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
	const settings = { PORT: "0", DATA_DIR: `${sandbox.folder}/${prefix}data`, LOG_LEVEL: "warn", ...env };
	return startChild<ProductTold>(sandbox, "product.ts", [String(TRADERS)], {
		...(await createDatabases(prefix)),
		...settings,
	});
}
