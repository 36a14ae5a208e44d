import { Errors } from "moleculer";
import type { Placement } from "../../contracts/orders.ts";
import type { Metrics } from "../../lib/metrics/registry.ts";
import { statusOf } from "../../lib/refuse.ts";

type Stage = "keep" | "risk" | "trading" | "apply" | "total";

interface Measuring {
	readonly metrics: Metrics | null;
}

/** Gives what `work` gives, and measures how long it takes where there are metrics. */
export function measureStage<T>({ metrics }: Measuring, stage: Stage, work: Promise<T>): Promise<T> {
	if (!metrics) return work;
	const startedAtMs = performance.now();
	return work.finally(() =>
		metrics.observe("order_stage_duration_seconds", { stage }, (performance.now() - startedAtMs) / 1_000),
	);
}

/** Gives what `placing` gives, and counts what became of the order where there are metrics. */
export async function countPlacement(measuring: Measuring, placing: Promise<Placement>): Promise<Placement> {
	const { metrics } = measuring;
	if (!metrics) return placing;
	try {
		const placement = await measureStage(measuring, "total", placing);
		const { status, reject_code: code } = placement.order;
		metrics.increment("orders_answered_total", { status });
		if (status === "rejected") metrics.increment("orders_refused_total", { code: code ?? "" });
		return placement;
	} catch (error) {
		const code = error instanceof Errors.MoleculerError && statusOf(error.type) ? error.type : "INTERNAL_ERROR";
		metrics.increment("orders_refused_total", { code });
		throw error;
	}
}
