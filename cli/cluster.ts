import path from "node:path";
import { parseArgs } from "node:util";
import { env } from "../lib/env.ts";
import { type Command, sendCommand } from "./cluster/control.ts";
import { clusterFolder, readScale } from "./cluster/plan.ts";
import { type Cluster, startCluster } from "./cluster/start.ts";
import { showMembers } from "./cluster/table.ts";
import { type Progress, showNotice, shownProgress } from "./progress.ts";
import { runCommand, usageError } from "./run.ts";
import { onStopAsked } from "./stop.ts";
import { demoLines } from "./welcome.ts";

const USAGE = `npm run cluster [-- --scale orders=2,trading=2,api=2] [--metrics] [--without-redis]
npm run cluster -- status
npm run cluster -- restart [SERVICE]
npm run cluster -- stop

Runs every service as a process of its own, with nats-server, redis-server and PostgreSQL where TRANSPORTER, REDIS_URL
and *_DATABASE_URL name none.
--scale           processes per service; gateways listen on PORT, PORT + 1, ...
--metrics         each node shows its metrics on a port of its own, from METRICS_PORT (9400) on
--without-redis   each node remembers for itself
restart           restarts all nodes, those of a service, or one, one after the other while the others serve`;

await runCommand(async () => {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			scale: { type: "string", default: "" },
			metrics: { type: "boolean", default: false },
			"without-redis": { type: "boolean", default: false },
			help: { type: "boolean", default: false },
		},
	});
	const [command = "start", target = null, ...more] = positionals;
	const control = (["status", "restart", "stop"] as const).find((known) => known === command);
	const fits = more.length === 0 && (target === null || control === "restart");
	if (values.help || !fits || (command !== "start" && !control)) throw usageError(USAGE);
	if (control) await ask({ control, target });
	else await run(values.scale, values.metrics, !values["without-redis"]);
});

async function ask(command: Command): Promise<void> {
	if (!(await sendCommand(env().dataDir, command))) process.exitCode = 1;
}

async function run(scale: string, metrics: boolean, redis: boolean): Promise<void> {
	const wanted = readScale(scale);
	const { dataDir } = env();
	console.log(`A cluster starts, data in ${dataDir}, logs in ${path.join(clusterFolder(dataDir), "logs")}`);
	const { stopAsked, ask: askStop } = onStopAsked();
	const progress: Progress = (step, work) => {
		stopAsked.throwIfAborted();
		return shownProgress(step, work);
	};
	const cluster = await startCluster({ scale: wanted, metrics, redis, progress, tell: showNotice, askStop });
	console.log(welcome(cluster, performance.now()));

	if (!stopAsked.aborted) await new Promise((resolve) => stopAsked.addEventListener("abort", resolve));
	await shownProgress("Stopping", cluster.stop);
	process.exit(0);
}

function welcome({ crew, transporter, demoUsers }: Cluster, tookMs: number): string {
	const members = crew.list();
	const url = members.find((member) => member.url)?.url ?? "";
	return [
		"",
		`Ready after ${(tookMs / 1000).toFixed(1)} s`,
		"",
		showMembers(members),
		"",
		...(demoUsers ? demoLines(url, demoUsers) : []),
		"  npm run repl                           looks inside",
		"  npm run cluster -- status              shows this table as it is then",
		"  npm run cluster -- restart [SERVICE]   restarts one process after the other",
		"  npm run verify                         checks every balance, order and event",
		"  Ctrl-C, or npm run cluster -- stop     stops",
		"",
		"  A program of yours joins with",
		"",
		`    TRANSPORTER=${transporter}`,
		"",
	].join("\n");
}
