import { once } from "node:events";
import net from "node:net";
import { Transform } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

/** A way through this process to a server of this machine, which can be made a bad one. */
export interface Proxy {
	readonly port: number;
	/** Breaks every connection. */
	cut(): void;
	/** Lets nothing through any more, and says so to nobody: new connections stay without an answer, too. */
	block(): void;
	/** Holds back everything for so long, either way. */
	slow(ms: number): void;
	/** Lets everything through again, what has been held back first. */
	heal(): void;
	close(): Promise<void>;
}

/** What a way holds back at most before it makes the sender wait: of a link that is slow, not of one that loses. */
const MAX_HELD_CHUNKS = 1_024;

const HOST = "127.0.0.1";

/** Opens a way to the server at `target`. */
export async function openProxy(target: number): Promise<Proxy> {
	const sockets = new Set<net.Socket>();
	let blocked = Promise.withResolvers<void>();
	blocked.resolve();
	let delayMs = 0;

	/** Chunks keep their order, so one that is held back holds up those behind it. */
	function wire(): Transform {
		let last = Promise.resolve();
		return new Transform({
			highWaterMark: MAX_HELD_CHUNKS,
			transform(chunk: Buffer, _encoding, done) {
				const due = delayMs > 0 ? delay(delayMs) : undefined;
				last = Promise.all([last, due, blocked.promise]).then(() => void this.push(chunk));
				// What is held up by a block makes the sender wait in the end, what is slow does not.
				if (due) done();
				else void last.then(() => done());
			},
			flush: (done) => void last.then(() => done()),
		});
	}

	const server = net.createServer({ noDelay: true }, (near) => {
		sockets.add(near);
		near.once("close", () => sockets.delete(near));
		near.on("error", () => near.destroy());
		void blocked.promise.then(() => near.destroyed || pass(near));
	});

	function pass(near: net.Socket): void {
		const far = net.connect({ port: target, host: HOST, noDelay: true });
		sockets.add(far);
		far.once("close", () => sockets.delete(far));
		far.on("error", () => near.destroy());
		near.once("close", () => far.destroy());
		far.once("close", () => near.destroy());
		near
			.pipe(wire())
			.pipe(far)
			.on("error", () => near.destroy());
		far.pipe(wire()).pipe(near);
	}

	server.listen(0, HOST);
	await once(server, "listening");

	function cut(): void {
		for (const socket of sockets) socket.resetAndDestroy();
	}

	return {
		port: (server.address() as net.AddressInfo).port,
		cut,
		block() {
			blocked = Promise.withResolvers();
		},
		slow(ms) {
			delayMs = ms;
		},
		heal() {
			delayMs = 0;
			blocked.resolve();
		},
		async close() {
			blocked.resolve();
			cut();
			server.close();
			await once(server, "close");
		},
	};
}
