import { once } from "node:events";
import { startEmbedded } from "../../cli/embedded.ts";
import { silentProgress } from "../../cli/progress.ts";
import { provideTraders } from "./traders.ts";

/**
 * The embedded mode as `npm start` has it, on the databases that the environment names, with as many rich traders as
 * its argument says. Tells its parent where it listens and who they are, and ends with it.
 */
const { broker, url, stop } = await startEmbedded(silentProgress);
process.send?.({ url, traders: await provideTraders(broker, Number(process.argv[2])) });
await once(process, "disconnect");
await stop();
process.exit(0);
