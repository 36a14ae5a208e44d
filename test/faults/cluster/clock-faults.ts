import { existsSync } from "node:fs";
import type { FaultKind } from "./fault-kind.ts";
import { NODES } from "./layout.ts";

const LIBFAKETIME = ["x86_64", "aarch64"]
	.map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
	.find((file) => existsSync(file));

/** What befalls the clocks of nodes. */
export const CLOCK_FAULTS = {
	"wrong clock": {
		how: "kill -9 of a node, which is started with a clock that is an hour fast or slow",
		heal: "it is started with the right one",
		targets: NODES.flatMap((node) => [`${node} +1h`, `${node} -1h`]),
		perRound: 1,
		lastsMs: [6_000, 6_000],
		limit: { from: "heal", ms: 5_000 },
		impossible: LIBFAKETIME ? undefined : "libfaketime is not installed",
		async strike(scene, { target }) {
			const [node = "", offset = ""] = target.split(" ");
			await scene.kill(node);
			scene.start(node, {
				settings: { LD_PRELOAD: LIBFAKETIME ?? "", FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: "1" },
			});
			return async () => {
				await scene.kill(node);
				scene.start(node);
			};
		},
	},
} as const satisfies Readonly<Record<string, FaultKind>>;
