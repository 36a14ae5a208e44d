import { AsyncLocalStorage } from "node:async_hooks";
import type { Attributes, Span, SpanContext, SpanKind } from "@opentelemetry/api";
import type { ServiceBroker } from "moleculer";

// The libraries are loaded by a node that traces alone: this file has their types.

export interface SpanOptions {
	/** The service whose work it is. */
	readonly service: string;
	readonly name: string;
	readonly kind: keyof typeof SpanKind;
	/** The W3C `traceparent` of its parent; without a valid one it begins a trace. */
	readonly parent: string | undefined;
	/** Whether the parent was told from outside: then it can have the trace left out, but not recorded. */
	readonly foreign?: boolean;
	readonly attributes: Attributes;
}

/** What a node tells a collector of its work. */
export interface Tracing {
	/** A span that whoever begins it ends. */
	begin(options: SpanOptions): Span;
	/** Gives what `work` gives, and makes a span of it. */
	run<T>(options: SpanOptions, work: () => Promise<T>): Promise<T>;
	/** Notes that what `service` tells under this id belongs to the span. */
	note(service: string, correlationId: string, span: Span): void;
	/** The `traceparent` that was noted for them last, while it is known. */
	noted(service: string, correlationId: string): string | undefined;
	/** Sends what is left, for a bounded time, and ends. */
	stop(): Promise<void>;
}

const nodes = new WeakMap<ServiceBroker, Tracing>();
const active = new AsyncLocalStorage<Span | undefined>();

/** Makes `tracing` that of the node of `broker`. */
export function setTracing(broker: ServiceBroker, tracing: Tracing): void {
	nodes.set(broker, tracing);
}

/** How the node of `broker` traces; null where it does not. */
export function tracingOf(broker: ServiceBroker): Tracing | null {
	return nodes.get(broker) ?? null;
}

/** The span that the caller belongs to, if any. */
export function activeSpan(): Span | undefined {
	return active.getStore();
}

/** Runs `work` as part of `span`, or of none: for what is begun in one request and goes on for others. */
export function within<T>(span: Span | undefined, work: () => T): T {
	return span === active.getStore() ? work() : active.run(span, work);
}

/** The `traceparent` of the span that the caller belongs to, if any. */
export function currentTraceparent(): string | undefined {
	const span = active.getStore();
	return span && traceparentOf(span.spanContext());
}

/** A span's context as W3C's `traceparent` has it. */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
	return `00-${traceId}-${spanId}-${traceFlags & 1 ? "01" : "00"}`;
}
