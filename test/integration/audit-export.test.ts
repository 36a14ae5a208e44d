import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import type { AuditRecord } from "../../contracts/audit.ts";
import { record } from "../support/audit.ts";
import { eventOf } from "../support/events.ts";
import { httpClient } from "../support/http-client.ts";
import { operator } from "../support/operators.ts";
import { startApi, type TestApi } from "../support/services.ts";

const LENGTH = 20_000;
const BATCH = 500;

let api: TestApi;
let token: string;
beforeAll(async () => {
	api = await startApi(["audit", "auth", "config", "users"]);
	({ token } = await operator(api, "auditor"));
	for (let made = 0; made < LENGTH; made += BATCH)
		await record(
			api.dbs.audit,
			Array.from({ length: BATCH }, (_, i) => eventOf({ correlation_id: `many-${made + i}` })),
		);
});
afterAll(() => api.stop());

async function fetchExport(query: string): Promise<{ readonly headers: Headers; readonly text: string }> {
	const response = await fetch(`${api.baseUrl}/api/audit/export?${query}`, {
		headers: { Authorization: `Bearer ${token}` },
	});
	expect(response.status).toBe(200);
	return { headers: response.headers, text: await response.text() };
}

const linesOf = (text: string) =>
	text
		.split("\n")
		.filter(Boolean)
		.map((line) => JSON.parse(line) as AuditRecord);

test("an export can be verified by whoever has it, with nothing but the recipe", async () => {
	const { headers, text } = await fetchExport("format=ndjson");
	expect(headers.get("content-type")).toBe("application/x-ndjson; charset=utf-8");
	expect(headers.get("content-disposition")).toBe('attachment; filename="audit.ndjson"');
	const records = linesOf(text);
	expect(records.length).toBeGreaterThan(LENGTH);

	const sorted = (value: unknown): unknown =>
		typeof value !== "object" || value === null || Array.isArray(value)
			? value
			: Object.fromEntries(
					Object.entries(value)
						.sort()
						.map(([key, member]) => [key, sorted(member)]),
				);
	let previous = "0".repeat(64);
	for (const [i, { hash, ...rest }] of records.entries()) {
		const canonical = JSON.stringify(sorted(rest));
		previous = createHash("sha256").update(previous).update(canonical).digest("hex");
		if (hash !== previous || rest.seq !== i + 1) throw new Error(`record ${rest.seq} does not fit`);
	}
	// Who has exported what is in it, too.
	expect(records.at(-1)).toMatchObject({
		action: "audit.export",
		object: "audit-chain",
		ip: "127.0.0.1",
		details: { format: "ndjson" },
	});
});

test("an export has what the filter says, oldest first, and its record tells the filter", async () => {
	const { text } = await fetchExport("request_id=many-7&format=ndjson");
	expect(linesOf(text)).toMatchObject([{ request_id: "many-7" }]);
	const { text: own } = await fetchExport("action=audit.export&result=ok");
	const exports = linesOf(own);
	expect(exports.map(({ details }) => details)).toContainEqual({ format: "ndjson", request_id: "many-7" });
	expect(exports.map(({ seq }) => seq)).toEqual(exports.map(({ seq }) => seq).toSorted((a, b) => a - b));
	expect((await fetchExport("user_id=nobody")).text).toBe("");
});

/** Begins an export and hands out what has come of it. */
async function beginExport(): Promise<{ readonly response: http.IncomingMessage; received(): string }> {
	const request = http.get(`${api.baseUrl}/api/audit/export`, { headers: { Authorization: `Bearer ${token}` } });
	const [response] = (await once(request, "response")) as [http.IncomingMessage];
	let received = "";
	response.setEncoding("utf8").on("data", (chunk: string) => (received += chunk));
	await once(response, "data");
	return { response, received: () => received };
}

test("an export begins before the last record is read", async () => {
	const { response, received } = await beginExport();
	await api.dbs.audit.transaction(async (tx) => {
		await tx.query("LOCK TABLE records IN ACCESS EXCLUSIVE MODE");
		const atLock = linesOf(received().slice(0, received().lastIndexOf("\n"))).length;
		expect(atLock).toBeGreaterThan(0);
		expect(atLock).toBeLessThan(LENGTH);
		await tx.query("SET LOCAL session_replication_role = replica");
		await tx.query("UPDATE records SET ip = '10.1.1.1' WHERE request_id = $1", [`many-${LENGTH - 1}`]);
	});
	await once(response, "end");
	const records = linesOf(received());
	expect(records.length).toBeGreaterThan(LENGTH);
	expect(records.find(({ request_id }) => request_id === `many-${LENGTH - 1}`)?.ip).toBe("10.1.1.1");
});

test("an export that cannot be finished is cut off, so that nobody takes it for the whole", async () => {
	const { response } = await beginExport();
	const ended = once(response, "end");
	await api.dbs.audit.query("ALTER TABLE records RENAME TO hidden");
	await expect(ended).rejects.toThrow("aborted");
	await api.dbs.audit.query("ALTER TABLE hidden RENAME TO records");
});

/** Fields of a line of CSV, as RFC 4180 has them. */
function parseCsv(text: string): string[][] {
	const rows: string[][] = [[]];
	for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
		rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
		if (end !== ",") rows.push([]);
	}
	return rows.slice(0, -1);
}

test("a spreadsheet finds no formula in an export, and every field as it was but for an apostrophe", async () => {
	const evil = [
		"=1+1",
		"+1",
		"-1",
		"@SUM(A1)",
		"\tx",
		"\rx",
		'=HYPERLINK("http://evil","a,b")',
		'quo"te',
		"a,b\r\nc",
		"x\ny",
	];
	await record(
		api.dbs.audit,
		evil.map((text) => eventOf({ aggregate_id: text, correlation_id: text, type: "evil.told" })),
	);
	const { headers, text } = await fetchExport("format=csv&action=evil.told");
	expect(headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
	expect(headers.get("content-disposition")).toBe('attachment; filename="audit.csv"');
	const [header, ...rows] = parseCsv(text);
	expect(header).toEqual([
		"seq",
		"time",
		"user_id",
		"action",
		"object",
		"ip",
		"result",
		"request_id",
		"event_id",
		"data_hash",
		"details",
		"hash",
	]);
	expect(rows).toHaveLength(evil.length);
	for (const [i, row] of rows.entries()) {
		expect(row).toHaveLength(12);
		for (const field of row) expect(field).not.toMatch(/^[=+\-@\t\r]/);
		for (const field of [row[4], row[7]]) expect(field?.replace(/^'/, "")).toBe(evil[i]);
	}
	expect(parseCsv((await fetchExport("format=csv&user_id=nobody")).text)).toEqual([header]);
});

test.each(["format=pdf", "cursor=MC0x", "since=now", "limit=5"])(
	"%s is refused before anything is sent",
	async (query) => {
		const send = httpClient(api.baseUrl);
		expect(await send(`GET /api/audit/export?${query}`, { token })).toMatchObject({ status: 422 });
	},
);
