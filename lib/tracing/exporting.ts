import { ExportResultCode } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Logger } from "moleculer";

/** Spans that wait for the collector or are on their way to it: some 2 MB of memory. */
const MAX_WAITING = 2_048;
const MAX_BATCH = 512;
const EXPORT_EVERY_MS = 1_000;
/** What the collector may take; a node that stops waits no longer for it. */
const EXPORT_TIMEOUT_MS = 3_000;

interface Options {
	/** Where the collector takes OTLP over HTTP. */
	readonly url: string;
	readonly logger: Pick<Logger, "warn">;
	/** Is told of spans that found no room, or that the collector did not take. */
	onDropped(count: number): void;
}

/** Sends spans to a collector in the background. One that is away or slow costs spans, which are counted. */
export function exportingProcessor({ url, logger, onDropped }: Options): SpanProcessor {
	const otlp = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
	let waiting = 0;
	let reachable = true;
	const exporter: SpanExporter = {
		export(spans, done) {
			otlp.export(spans, (result) => {
				const taken = result.code === ExportResultCode.SUCCESS;
				waiting -= spans.length;
				if (!taken) onDropped(spans.length);
				if (!taken && reachable) logger.warn("The collector takes no spans", result.error);
				reachable = taken;
				done(result);
			});
		},
		shutdown: () => otlp.shutdown(),
	};
	const batches = new BatchSpanProcessor({
		exporter,
		maxQueueSize: MAX_WAITING,
		maxExportBatchSize: MAX_BATCH,
		scheduledDelayMillis: EXPORT_EVERY_MS,
		exportTimeoutMillis: EXPORT_TIMEOUT_MS,
	});
	return {
		onStart: () => {},
		onEnd(span) {
			if (waiting >= MAX_WAITING) return onDropped(1);
			waiting += 1;
			batches.onEnd(span);
		},
		forceFlush: () => batches.forceFlush(),
		shutdown: () => batches.shutdown(),
	};
}
