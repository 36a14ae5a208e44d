import type { Side } from "../../services/trading/domain/order.ts";
import { ourEngine } from "./engines.ts";

/** One command to an order book; `ticks` and `lots` mean nothing to a cancel. */
export interface Command {
	readonly kind: "limit" | "ioc" | "cancel" | "replace";
	readonly id: string;
	readonly side: Side;
	readonly ticks: number;
	readonly lots: number;
}

/** Shares of the kinds in percent, orders that rest before the clock starts, and how far prices lie from the middle. */
export interface Mix {
	readonly name: string;
	readonly limit: number;
	readonly ioc: number;
	readonly cancel: number;
	readonly resting: number;
	readonly reachTicks: number;
	readonly commands: number;
}

/** What is not one of the others is a replace. */
export const MIXES: readonly Mix[] = [
	{ name: "steady", limit: 9, ioc: 3, cancel: 6, resting: 1_000, reachTicks: 200, commands: 200_000 },
	{ name: "growing", limit: 60, ioc: 10, cancel: 30, resting: 0, reachTicks: 1_000, commands: 200_000 },
];

const MIDDLE_TICKS = 10_000;
const MAX_LOTS = 100;

/** The orders to rest beforehand and the commands to measure; the same for the same seed. */
export function commandsOf(mix: Mix, seed: number): { readonly before: Command[]; readonly measured: Command[] } {
	const random = mulberry32(seed);
	const below = (count: number) => Math.floor(random() * count);
	const engine = ourEngine();
	const ids: string[] = [];
	const sides = new Map<string, Side>();

	function kept(command: Command): Command {
		engine.execute(command);
		return command;
	}

	/** A price on its own side of the middle, so that the order rests. */
	function resting(id: string, side: Side, kind: Command["kind"], not?: number): Command {
		const away = 1 + below(mix.reachTicks);
		const ticks = side === "buy" ? MIDDLE_TICKS - away : MIDDLE_TICKS + away;
		return ticks === not ? resting(id, side, kind, not) : { kind, id, side, ticks, lots: 1 + below(MAX_LOTS) };
	}

	function fresh(kind: "limit" | "ioc"): Command {
		const [id, side] = [`order-${sides.size}`, random() < 0.5 ? "buy" : "sell"] as const;
		sides.set(id, side);
		if (kind === "limit") {
			ids.push(id);
			return resting(id, side, kind);
		}
		const ticks = side === "buy" ? MIDDLE_TICKS + mix.reachTicks : MIDDLE_TICKS - mix.reachTicks;
		return { kind, id, side, ticks, lots: 1 + below(MAX_LOTS) };
	}

	/** An order that still rests; those that were filled are forgotten on the way. */
	function anOpenOne(): string | undefined {
		while (ids.length > 0) {
			const at = below(ids.length);
			const id = ids[at] as string;
			if (engine.find(id)) return id;
			ids[at] = ids.at(-1) as string;
			ids.pop();
		}
		return undefined;
	}

	function next(): Command {
		const draw = random() * 100;
		if (draw < mix.limit) return fresh("limit");
		if (draw < mix.limit + mix.ioc) return fresh("ioc");
		const id = anOpenOne();
		if (id === undefined) return fresh("limit");
		const side = sides.get(id) as Side;
		if (draw < mix.limit + mix.ioc + mix.cancel) return { kind: "cancel", id, side, ticks: 0, lots: 0 };
		return resting(id, side, "replace", engine.find(id)?.priceTicks ?? undefined);
	}

	const before = Array.from({ length: mix.resting }, () => kept(fresh("limit")));
	return { before, measured: Array.from({ length: mix.commands }, () => kept(next())) };
}

/** Numbers from 0 to 1 by the generator of Tommy Ettinger: small, and the same everywhere. */
function mulberry32(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}
