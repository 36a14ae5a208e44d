import { once } from "node:events";
import http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type StubApi, startStubApi } from "../support/stub-api.ts";
import { until } from "../support/until.ts";

/** An audit without an end: every page follows another, in 64 KB. */
const PAGE = `${"x".repeat(65_535)}\n`;
let pages = 0;
let verification = { status: "running", checked: 1, total: 2, started_at: "" };

let api: StubApi;
let token: string;
beforeAll(async () => {
	api = await startStubApi({
		audit: {
			export: { auth: "auditor", handler: () => ({ text: PAGE, next_cursor: String(++pages) }) },
			verify: { auth: "auditor", handler: () => verification },
			record: { auth: "internal", handler: () => ({ recorded: true }) },
		},
	});
	token = await api.token("auditor");
});
afterAll(() => api.stop());

async function open(method = "GET"): Promise<http.IncomingMessage> {
	const headers = { Authorization: `Bearer ${token}` };
	const request = http.request(`${api.baseUrl}/api/audit/export`, { method, headers, agent: false }).end();
	request.on("error", () => {});
	const [response] = (await once(request, "response")) as [http.IncomingMessage];
	response.on("error", () => {});
	return response;
}

/** How many pages are asked for until no more are. */
async function pagesAskedFor(): Promise<number> {
	for (let before = -1; before !== pages; ) {
		before = pages;
		await delay(300);
	}
	return pages;
}

test("pages are asked for as the client takes them, and no more once it has left", async () => {
	const before = pages;
	const response = await open();
	const waiting = await pagesAskedFor();
	// What system and stream buffer is some megabytes; without an end to it there would be thousands.
	expect(waiting - before).toBeLessThan(400);
	let taken = 0;
	response.on("data", (chunk: Buffer) => (taken += chunk.length));
	await until(() => taken > (waiting - before + 20) * PAGE.length);
	expect(pages).toBeGreaterThan(waiting);
	response.destroy();
	const left = await pagesAskedFor();
	await delay(300);
	expect(pages).toBe(left);
});

test("four exports run at a time; a place is free again as soon as a client leaves", async () => {
	const clients = await Promise.all(Array.from({ length: 4 }, () => open()));
	expect(clients.map((client) => client.statusCode)).toEqual([200, 200, 200, 200]);
	expect(await api.send("GET /api/audit/export", { token })).toMatchObject({
		status: 503,
		body: { code: "CAPACITY_EXCEEDED" },
	});
	clients.pop()?.destroy();
	await until(async () => {
		const client = await open();
		if (client.statusCode === 200) clients.push(client);
		else client.resume();
		return client.statusCode === 200;
	});
	for (const client of clients) client.destroy();
	await pagesAskedFor();
	// Nor does whoever is refused for another reason keep one.
	for (let i = 0; i < 6; i++)
		expect(await api.send("GET /api/audit/export?colour=red", { token })).toMatchObject({ status: 422 });
});

test("whoever asks for the headers alone gets them, and no page after the first", async () => {
	const before = pages;
	const response = await open("HEAD");
	expect(response.headers["content-type"]).toContain("ndjson");
	response.resume();
	await once(response, "end");
	expect((await pagesAskedFor()) - before).toBeLessThanOrEqual(1);
});

test("a verification that runs on is answered with 202, a finished one with 200", async () => {
	expect(await api.send("GET /api/audit/verify", { token })).toMatchObject({ status: 202, body: verification });
	verification = { ...verification, status: "finished" };
	expect(await api.send("GET /api/audit/verify", { token })).toMatchObject({ status: 200, body: verification });
});
