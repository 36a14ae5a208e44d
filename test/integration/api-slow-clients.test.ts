import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { type StubApi, startStubApi } from "../support/stub-api.ts";
import { until } from "../support/until.ts";

/** More than an action may run at once, and fewer than may wait for it. */
const MANY = 600;
const HALF_A_LOGIN =
	"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" +
	"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";

let api: StubApi;
let token: string;
/** Lets all go on that wait for the stalled dependency. */
let recover: () => void;
beforeAll(async () => {
	const recovered = new Promise<void>((resolve) => (recover = resolve));
	api = await startStubApi({
		orders: { list: { auth: "user", handler: () => recovered.then(() => ({ items: [] })) } },
		data: { instruments: { auth: "public", handler: () => ({ items: [] }) } },
		users: { me: { auth: "user", handler: () => ({ username: "ann" }) } },
		auth: { login: { auth: "public", handler: () => ({}) } },
	});
	token = await api.token();
});
afterAll(async () => {
	recover();
	await api.stop();
});

/** Connections that have each begun a request whose body never ends. */
async function halfSent(count: number): Promise<net.Socket[]> {
	const { hostname, port } = new URL(api.baseUrl);
	return Promise.all(
		Array.from({ length: count }, async () => {
			const socket = net.connect(Number(port), hostname, () => socket.write(HALF_A_LOGIN)).on("error", () => {});
			const [answer] = await once(socket, "data");
			expect(String(answer)).toMatch(/^HTTP\/1.1 100 Continue/);
			return socket.resume();
		}),
	);
}

/** What a probe, anybody and a user are answered. */
async function others(): Promise<number[]> {
	const [live, instruments, me] = await Promise.all([
		api.send("GET /health/live"),
		api.send("GET /api/data/instruments"),
		api.send("GET /api/users/me", { token }),
	]);
	return [live.status, instruments.status, me.status];
}

function gateway() {
	return api.broker.getLocalService("api") as unknown as { server: http.Server; _trackedContexts: unknown[] };
}

/** Requests that the gateway is at. */
function open(): number {
	return gateway()._trackedContexts.length;
}

test("bodies that never end keep nobody else waiting, and leave nothing behind when their clients go", async () => {
	const sockets = await halfSent(MANY);
	let ended = 0;
	for (const socket of sockets) socket.once("close", () => (ended += 1));
	expect(open()).toBe(MANY);
	expect(await others()).toEqual([200, 200, 200]);
	expect(ended).toBe(0);
	for (const socket of sockets) socket.destroy();
	await until(() => open() === 0);
});

test.each([
	["GET", "/health/live"],
	["GET", "/health/ready"],
	["GET", "/api/data/instruments"],
	["GET", "/api/nothing"],
	["POST", "/api/auth/login"],
])("a client that has left before %s %s is looked at leaves nothing behind", async (method, url) => {
	const request = new http.IncomingMessage(new net.Socket());
	const headers = method === "POST" ? { "content-type": "application/json", "content-length": "100" } : {};
	Object.assign(request, { method, url, headers });
	const response = new http.ServerResponse(request);
	const closed = Promise.all([once(request, "close"), once(response, "close")]);
	request.destroy();
	response.destroy();
	await closed;
	gateway().server.emit("request", request, response);
	expect(open()).toBe(1);
	await until(() => open() === 0);
});

test("requests to what has stalled keep nobody else waiting", async () => {
	let answered = 0;
	const stalled = Array.from({ length: MANY }, () =>
		api.send("GET /api/orders", { token }).finally(() => (answered += 1)),
	);
	await until(() => open() === MANY);
	expect(await others()).toEqual([200, 200, 200]);
	expect(answered).toBe(0);
	recover();
	await Promise.all(stalled);
	expect(open()).toBe(0);
});
