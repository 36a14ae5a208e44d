import { once } from "node:events";
import net from "node:net";

/** What came back: `body` is the text of it. */
export interface Answer {
	readonly status: number;
	readonly body: string;
}

/** One HTTP/1.1 connection that is kept alive and carries one request at a time. */
export interface Connection {
	send(request: Buffer): Promise<Answer>;
	close(): void;
}

const HEADERS_END = "\r\n\r\n";

/**
 * Connects to the gateway at `url`. A client of a few lines, because the load shares its machine with what is
 * measured: a library's takes as much of a processor as the gateway itself.
 */
export async function connect(url: string): Promise<Connection> {
	const { hostname, port } = new URL(url);
	const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
	await once(socket, "connect");
	let received = "";
	let waiting: PromiseWithResolvers<Answer> | null = null;
	// One byte a character, so that lengths in bytes are lengths of the text.
	socket.setEncoding("latin1");
	socket.on("data", (chunk: string) => {
		received += chunk;
		const answer = parse(received);
		if (!answer) return;
		received = "";
		waiting?.resolve(answer);
		waiting = null;
	});
	const fail = (error: Error) => waiting?.reject(error);
	socket.on("error", fail);
	socket.on("close", () => fail(new Error("the gateway closed the connection")));
	return {
		send(request) {
			waiting = Promise.withResolvers<Answer>();
			socket.write(request);
			return waiting.promise;
		},
		close: () => void socket.destroy(),
	};
}

/** The request as it goes over the wire. */
export function requestOf(path: string, headers: Readonly<Record<string, string>>, body: object): Buffer {
	const text = Buffer.from(JSON.stringify(body));
	const lines = Object.entries({
		Host: "localhost",
		"Content-Type": "application/json",
		...headers,
		"Content-Length": String(text.length),
	}).map(([name, value]) => `${name}: ${value}\r\n`);
	return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`), text]);
}

/** The answer in `text` once all of it is there. */
function parse(text: string): Answer | null {
	const end = text.indexOf(HEADERS_END);
	if (end < 0) return null;
	const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1];
	if (length === undefined) throw new Error("the gateway gives no Content-Length");
	const start = end + HEADERS_END.length;
	if (text.length < start + Number(length)) return null;
	return { status: Number(text.slice(9, 12)), body: text.slice(start, start + Number(length)) };
}
