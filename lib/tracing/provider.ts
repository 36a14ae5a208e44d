import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from "@opentelemetry/api";
import { parseTraceParent } from "@opentelemetry/core";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import { Errors, type ServiceBroker } from "moleculer";
import { metricsOf } from "../metrics/registry.ts";
import { type SpanOptions, setTracing, type Tracing, traceparentOf, within } from "./context.ts";
import { exportingProcessor } from "./exporting.ts";

interface Options {
	/** Where the collector takes OTLP over HTTP. */
	readonly url: string;
	/** The share of traces that are recorded, 0 to 1. */
	readonly sample: number;
}

/** More than wait to be published: an event is so a moment after its change. */
const MAX_NOTED = 10_000;

/** Begins to trace on the node of `broker`. */
export function openTracing(broker: ServiceBroker, { url, sample }: Options): void {
	const processor = exportingProcessor({
		url,
		logger: broker.getLogger("tracing"),
		onDropped: (count) => metricsOf(broker)?.increment("trace_spans_dropped_total", {}, count),
	});
	const root = new TraceIdRatioBasedSampler(sample);
	const sampler = new ParentBasedSampler({ root, remoteParentSampled: root });
	const tracers = new Map<string, Tracer>();

	/** One per service, so that the collector shows each by its name, wherever it runs. */
	function tracerOf(service: string): Tracer {
		const known = tracers.get(service);
		if (known) return known;
		const resource = resourceFromAttributes({
			"service.name": service,
			"service.namespace": broker.namespace,
			"service.instance.id": broker.nodeID,
		});
		const tracer = new TracerProvider({ resource, sampler, spanProcessors: [processor] }).getTracer("agt");
		tracers.set(service, tracer);
		return tracer;
	}

	function begin({ service, name, kind, parent, foreign = false, attributes }: SpanOptions): Span {
		const told = parent === undefined ? null : parseTraceParent(parent);
		const context = told ? trace.setSpanContext(ROOT_CONTEXT, { ...told, isRemote: foreign }) : ROOT_CONTEXT;
		return tracerOf(service).startSpan(name, { kind: SpanKind[kind], attributes }, context);
	}

	setTracing(broker, {
		begin,
		async run(options, work) {
			const span = begin(options);
			try {
				return await within(span, work);
			} catch (error) {
				markFailed(span, error);
				throw error;
			} finally {
				span.end();
			}
		},
		...openNotes(),
		stop: () => processor.shutdown().catch(() => {}), // what the collector does not take now is lost
	});
}

/** Which span each of the last ids belongs to. */
function openNotes(): Pick<Tracing, "note" | "noted"> {
	const notes = new Map<string, string>();
	return {
		note(service, correlationId, span) {
			if (!span.isRecording()) return;
			if (notes.size >= MAX_NOTED) notes.delete(notes.keys().next().value as string);
			notes.set(`${service} ${correlationId}`, traceparentOf(span.spanContext()));
		},
		noted: (service, correlationId) => notes.get(`${service} ${correlationId}`),
	};
}

/** By its code alone: messages may hold what is nobody's business. A refusal is no failure of whoever refuses. */
function markFailed(span: Span, error: unknown): void {
	const known = error instanceof Errors.MoleculerError;
	span.setAttribute("error.type", known ? error.type : "INTERNAL_ERROR");
	if (!known || error.code >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
}
