import { once } from "node:events";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { openProxy, type Proxy } from "../../faults/cluster/proxy.ts";
import { until } from "../../support/until.ts";

/** Long enough for a message to have come by loopback, if it can. */
const MEANWHILE_MS = 100;

let echo: net.Server;
let proxy: Proxy;
let client: net.Socket;
let heard: string;

beforeEach(async () => {
	echo = net.createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(0, "127.0.0.1");
	await once(echo, "listening");
	proxy = await openProxy((echo.address() as net.AddressInfo).port);
	client = await connect();
});
afterEach(async () => {
	client.destroy();
	await proxy.close();
	echo.close();
});

test("what is sent passes both ways", async () => {
	client.write("hello");
	await until(() => heard === "hello");
});

test("nothing passes while it is blocked, also on new connections; all of it does once it is healed", async () => {
	proxy.block();
	client.write("held ");
	const later = await connect();
	later.write("back");
	await delay(MEANWHILE_MS);
	expect(heard).toBe("");
	proxy.heal();
	await until(() => heard.includes("held ") && heard.includes("back"));
	later.destroy();
});

test("what is slow comes later, and in its order", async () => {
	proxy.slow(MEANWHILE_MS);
	const sentAt = performance.now();
	for (const part of ["a", "b", "c"]) client.write(part);
	await until(() => heard.length === 3);
	expect(heard).toBe("abc");
	// Once each way; timers may be a millisecond early.
	expect(performance.now() - sentAt).toBeGreaterThanOrEqual(2 * MEANWHILE_MS - 2);
});

test("a cut breaks what is connected; what connects next is served", async () => {
	client.write("hello");
	await until(() => heard === "hello");
	proxy.cut();
	await until(() => client.destroyed);
	client = await connect();
	client.write("again");
	await until(() => heard === "again");
});

test("whoever connects while the server is away is cut off", async () => {
	echo.close();
	const away = await connect();
	await until(() => away.destroyed);
});

async function connect(): Promise<net.Socket> {
	heard = "";
	const socket = net.connect(proxy.port, "127.0.0.1").on("error", () => {});
	socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
	await once(socket, "connect");
	return socket;
}
