import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type net from "node:net";
import { LOCALHOST } from "./certificate.ts";

/** A message as it arrived. */
export interface Received {
	readonly method: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string;
}

/** A customer's endpoint on loopback. */
export interface Receiver {
	readonly url: string;
	readonly received: Received[];
	stop(): Promise<void>;
}

/** Answers a message. */
export type Respond = (response: ServerResponse, received: Received) => void;

/** Starts an endpoint that keeps what arrives and answers as `respond` does: with an empty 204 unless told. */
export async function startReceiver(
	respond: Respond = (response) => response.writeHead(204).end(),
	{ tls = false } = {},
): Promise<Receiver> {
	const received: Received[] = [];
	const take = async (request: IncomingMessage, response: ServerResponse) => {
		const { method = "", url: path = "", headers } = request;
		let body = "";
		for await (const chunk of request) body += String(chunk);
		const message = { method, path, headers: headers as Record<string, string>, body };
		received.push(message);
		respond(response, message);
	};
	const server = tls
		? https.createServer(LOCALHOST, (request, response) => void take(request, response))
		: http.createServer((request, response) => void take(request, response));
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as net.AddressInfo;
	return {
		url: `${tls ? "https" : "http"}://127.0.0.1:${port}/hook`,
		received,
		async stop() {
			server.close();
			server.closeAllConnections();
			await once(server, "close");
		},
	};
}
