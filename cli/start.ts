import { env } from "../lib/env.ts";
import { type Embedded, startEmbedded } from "./embedded.ts";
import { type Progress, shownProgress } from "./progress.ts";
import { runCommand, usageError } from "./run.ts";

/** Ctrl-C reaches us twice when npm passes on what the terminal has sent already. */
const SAME_SIGNAL_MS = 500;

await runCommand(async () => {
	const { dataDir, transporter } = env();
	if (transporter) {
		throw usageError(
			"'npm start' runs everything in one process, without TRANSPORTER: 'npm run service' joins a cluster",
		);
	}
	console.log(`AutoGrowthTrading starts, data in ${dataDir}`);
	const stopAsked = onStopAsked();
	const progress: Progress = (step, work) => {
		stopAsked.throwIfAborted();
		return shownProgress(step, work);
	};
	const embedded = await startEmbedded(progress);
	console.log(welcome(embedded, performance.now()));

	if (!stopAsked.aborted) await new Promise((resolve) => stopAsked.addEventListener("abort", resolve));
	await shownProgress("Stopping", embedded.stop);
	process.exit(0);
});

/** Aborted by the first Ctrl-C or SIGTERM; the second ends the process as it stands. */
function onStopAsked(): AbortSignal {
	const controller = new AbortController();
	let askedAt = 0;
	const ask = () => {
		if (askedAt === 0) {
			askedAt = performance.now();
			controller.abort(usageError("Stopped"));
		} else if (performance.now() - askedAt > SAME_SIGNAL_MS) {
			process.exit(1);
		}
	};
	process.on("SIGINT", ask);
	process.on("SIGTERM", ask);
	return controller.signal;
}

function welcome({ url, demoUsers }: Embedded, tookMs: number): string {
	const lines = ["", `Ready after ${(tookMs / 1000).toFixed(1)} s`, "", `  API  ${url}`, ""];
	if (demoUsers) {
		lines.push("  Demo users with paper money:");
		for (const { username, password } of demoUsers) lines.push(`    ${username.padEnd(8)} ${password}`);
		lines.push("", "  Log in and place an order:", "", ...firstOrder(url, demoUsers[0]), "");
	}
	lines.push(
		"  npm run verify   checks every balance, order and event",
		"  npm run repl     looks inside",
		"  Ctrl-C           stops",
		"",
	);
	return lines.join("\n");
}

function firstOrder(url: string, user: { username: string; password: string } | undefined): string[] {
	const login = JSON.stringify({ username: user?.username, password: user?.password });
	const order = JSON.stringify({ symbol: "BTC-USD", side: "buy", quantity: "0.01", price: "60000" });
	const json = `-H 'Content-Type: application/json'`;
	return [
		`    TOKEN=$(curl -s ${url}/api/auth/login ${json} -d '${login}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
		`    curl -s ${url}/api/orders -H "Authorization: Bearer $TOKEN" ${json} -d '${order}'`,
	];
}
