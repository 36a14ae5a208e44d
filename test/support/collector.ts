import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as the collector has got it. */
export interface CollectedSpan {
	readonly service: string;
	readonly name: string;
	readonly traceId: string;
	readonly spanId: string;
	readonly parentSpanId: string;
	readonly attributes: Readonly<Record<string, string | number>>;
}

/** A collector of spans that takes OTLP as JSON over HTTP. */
export interface Collector {
	readonly url: string;
	readonly spans: readonly CollectedSpan[];
	/** From now on it answers so late as to be as good as away. */
	hang(): void;
	stop(): Promise<void>;
}

interface Attribute {
	readonly key: string;
	readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
}

interface Request {
	readonly resourceSpans: readonly {
		readonly resource: { readonly attributes: readonly Attribute[] };
		readonly scopeSpans: readonly {
			readonly spans: readonly (Omit<CollectedSpan, "service" | "attributes"> & {
				readonly attributes: readonly Attribute[];
			})[];
		}[];
	}[];
}

/** Starts one on a port of its own. */
export async function startCollector(): Promise<Collector> {
	const spans: CollectedSpan[] = [];
	let hangs = false;
	const server = createServer((request, response) => {
		let text = "";
		request.on("data", (chunk: Buffer) => (text += chunk.toString()));
		request.on("end", () => {
			if (hangs) return;
			if (request.url === "/v1/traces") spans.push(...spansIn(JSON.parse(text) as Request));
			response.setHeader("Content-Type", "application/json").end("{}");
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		spans,
		hang: () => void (hangs = true),
		async stop() {
			server.close();
			server.closeAllConnections();
			await once(server, "close");
		},
	};
}

function spansIn({ resourceSpans }: Request): CollectedSpan[] {
	return resourceSpans.flatMap(({ resource, scopeSpans }) =>
		scopeSpans.flatMap((scope) =>
			scope.spans.map((span) => ({
				...span,
				parentSpanId: span.parentSpanId ?? "",
				service: String(valuesOf(resource.attributes)["service.name"]),
				attributes: valuesOf(span.attributes),
			})),
		),
	);
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string | number> {
	return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));
}
