import tls from "node:tls";
import { Webhook } from "standardwebhooks";
import { checkWebhookUrl, newWebhookSecret, sendWebhook } from "../../../lib/webhook/index.ts";
import { type SenderOptions, webhookSender } from "../../../lib/webhook/sender.ts";
import { LOCALHOST } from "../../support/certificate.ts";
import { until } from "../../support/until.ts";
import { type Receiver, type Respond, startReceiver } from "../../support/webhook-receiver.ts";

const receivers: Receiver[] = [];
afterEach(async () => {
	await Promise.all(receivers.splice(0).map(({ stop }) => stop()));
});
async function receiver(respond?: Respond, options?: { tls: boolean }): Promise<Receiver> {
	const started = await startReceiver(respond, options);
	receivers.push(started);
	return started;
}

const secret = newWebhookSecret();
const message = { id: "m1", body: '{"text":"größer ✓"}' };
const noNames: SenderOptions["resolve"] = async () => {
	throw new Error("no name is to be resolved");
};
const local = (options: Partial<SenderOptions> = {}) =>
	webhookSender({ privateHosts: ["127.0.0.1", "localhost"], resolve: noNames, ...options });

test("a message arrives signed, and a receiver of Standard Webhooks reads it", async () => {
	const { url, received } = await receiver();
	expect(await local().send({ url: `${url}?q=1`, secret }, message)).toEqual({ ok: true });
	expect(received).toHaveLength(1);
	const [{ method, path, headers, body } = { method: "", path: "", headers: {}, body: "" }] = received;
	expect([method, path, body]).toEqual(["POST", "/hook?q=1", message.body]);
	expect(headers).toMatchObject({ "content-type": "application/json", "webhook-id": "m1" });
	expect(new Webhook(secret).verify(body, headers)).toEqual({ text: "größer ✓" });
});

test("a message goes over TLS to whoever has a certificate, and to nobody else", async () => {
	const { url, received } = await receiver(undefined, { tls: true });
	const target = { url: url.replace("127.0.0.1", "localhost"), secret };
	const invalid = { ok: false, error: "The certificate or the TLS connection is not valid" };
	expect(await local().send(target, message)).toEqual(invalid);
	expect(received).toEqual([]);
	const known = tls.getCACertificates("default");
	tls.setDefaultCACertificates([LOCALHOST.cert]);
	try {
		expect(await local().send(target, message)).toEqual({ ok: true });
		expect(received).toHaveLength(1);
	} finally {
		tls.setDefaultCACertificates(known);
	}
});

test.each([200, 201, 202, 204, 299])("an answer of %i is success", async (status) => {
	const { url } = await receiver((response) => response.writeHead(status).end());
	expect(await local().send({ url, secret }, message)).toEqual({ ok: true });
});

test.each([400, 401, 404, 410, 429, 500, 503])("an answer of %i is failure, told without its body", async (status) => {
	const { url } = await receiver((response) => response.writeHead(status).end("secret of the receiver"));
	expect(await local().send({ url, secret }, message)).toEqual({
		ok: false,
		error: `Answered with status ${status}`,
	});
});

test.each([301, 302, 303, 307, 308])("a redirect (%i) is failure and is not followed", async (status) => {
	const elsewhere = await receiver();
	const { url, received } = await receiver((response) => response.writeHead(status, { Location: elsewhere.url }).end());
	expect(await local().send({ url, secret }, message)).toEqual({
		ok: false,
		error: `Answered with status ${status}: redirects are not followed`,
	});
	expect(received).toHaveLength(1);
	expect(elsewhere.received).toEqual([]);
});

test.each<[string, Respond]>([
	["never answers", () => {}],
	["never ends its headers", (response) => void response.socket?.write("HTTP/1.1 200 OK\r\nX-Wait: ")],
	["never ends its answer", (response) => void response.writeHead(200).write("and then ")],
])("an endpoint that %s is given up in time", async (_what, respond) => {
	const { url } = await receiver(respond);
	const startedAt = performance.now();
	expect(await local({ timeoutMs: 300 }).send({ url, secret }, message)).toEqual({
		ok: false,
		error: "No answer within 0.3 s",
	});
	expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test("of an endless answer no more than its beginning is read", async () => {
	let cut = false;
	const { url } = await receiver((response) => {
		const writing = setInterval(() => response.write(Buffer.alloc(1_024)), 1);
		response.once("close", () => {
			clearInterval(writing);
			cut = true;
		});
		response.writeHead(200);
	});
	expect(await local().send({ url, secret }, message)).toEqual({ ok: true });
	await until(() => cut);
});

test.each<[string, string, Respond]>([
	["hangs up", "The connection failed", (response) => response.socket?.destroy()],
	["speaks no HTTP", "The connection failed", (response) => response.socket?.end("220 mail ready\r\n")],
	[
		"hangs up in the middle of its answer",
		"The connection failed",
		(response) => {
			response.writeHead(200, { "Content-Length": "10" }).write("12345", () => response.socket?.destroy());
		},
	],
])("an endpoint that %s has failed", async (_what, error, respond) => {
	const { url } = await receiver(respond);
	expect(await local().send({ url, secret }, message)).toEqual({ ok: false, error });
});

test("a port where nobody listens has failed", async () => {
	const { url, stop } = await startReceiver();
	await stop();
	expect(await local().send({ url, secret }, message)).toEqual({ ok: false, error: "The connection was refused" });
});

test("an address that turned private after it was registered gets nothing", async () => {
	const answers = [["93.184.216.34"], ["127.0.0.1"]];
	const { url, received } = await receiver(undefined, { tls: true });
	const sender = webhookSender({ privateHosts: [], resolve: async () => answers.shift() ?? [] });
	const rebinding = url.replace("127.0.0.1", "rebinding.example.com");
	expect(await sender.check(rebinding)).toBeNull();
	expect(await sender.send({ url: rebinding, secret }, message)).toEqual({
		ok: false,
		error: "The URL must lead to a public address",
	});
	expect(received).toEqual([]);
	expect(answers).toEqual([]);
});

test("a name server that never answers is given up in time", async () => {
	const resolve: SenderOptions["resolve"] = (_host, signal) =>
		new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("canceled"))));
	const sender = webhookSender({ privateHosts: [], resolve, timeoutMs: 100 });
	expect(await sender.check("https://hooks.example.com/")).toMatchObject({ code: "UNKNOWN_HOST" });
	expect(await sender.send({ url: "https://hooks.example.com/", secret }, message)).toMatchObject({ ok: false });
});

test("nothing is private that the operator has not named", async () => {
	const { url, received } = await receiver();
	expect(await checkWebhookUrl(url)).toMatchObject({ code: "INSECURE_URL" });
	expect(await checkWebhookUrl(url.replace("http:", "https:"))).toMatchObject({ code: "PRIVATE_ADDRESS" });
	expect(await sendWebhook({ url, secret }, message)).toMatchObject({ ok: false });
	process.env["WEBHOOK_PRIVATE_HOSTS"] = "localhost, 127.0.0.1";
	expect(await checkWebhookUrl(url)).toBeNull();
	expect(await sendWebhook({ url, secret }, message)).toEqual({ ok: true });
	delete process.env["WEBHOOK_PRIVATE_HOSTS"];
	expect(received).toHaveLength(1);
});
