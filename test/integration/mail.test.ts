import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import type { Logger } from "moleculer";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { fileMailer } from "../../services/notifications/mail/file-mailer.ts";
import { smtpMailer } from "../../services/notifications/mail/smtp-mailer.ts";
import { LOCALHOST } from "../support/certificate.ts";

const logger = { info: () => {}, warn: () => {} } as unknown as Logger;
const mail = { id: "n1.7", to: "ann@example.com", subject: "New login from 192.0.2.1", text: "Größer ✓\n" };

interface Received {
	readonly from: string;
	readonly to: readonly string[];
	readonly content: string;
}

/** A mail server on loopback that takes everything. */
async function startServer(options: SMTPServerOptions = {}) {
	const received: Received[] = [];
	const server = new SMTPServer({
		authOptional: true,
		disabledCommands: ["STARTTLS"],
		logger: false,
		onData(stream, { envelope }, done) {
			let content = "";
			stream.on("data", (chunk) => (content += String(chunk)));
			stream.on("end", () => {
				const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
				received.push({ from, to: envelope.rcptTo.map(({ address }) => address), content });
				done();
			});
		},
		...options,
	});
	server.on("error", () => {});
	server.listen(0, "127.0.0.1");
	await once(server.server, "listening");
	const { port } = server.server.address() as net.AddressInfo;
	return { port, received, stop: () => new Promise<void>((done) => server.close(done)) };
}

test("a mail server gets a mail with one receiver, its id and plain text", async () => {
	const { port, received, stop } = await startServer();
	const mailer = smtpMailer(`smtp://127.0.0.1:${port}`, "notices@agt.example", logger);
	expect(await mailer.send(mail)).toEqual({ ok: true });
	expect(received).toHaveLength(1);
	expect(received[0]).toMatchObject({ from: "notices@agt.example", to: ["ann@example.com"] });
	const content = received[0]?.content ?? "";
	expect(content).toMatch(/^From: AutoGrowthTrading <notices@agt\.example>\r$/m);
	expect(content).toMatch(/^To: ann@example\.com\r$/m);
	expect(content).toMatch(/^Message-ID: <n1\.7@agt\.example>\r$/m);
	expect(content).toMatch(/^Subject: New login from 192\.0\.2\.1\r$/m);
	expect(content).toMatch(/^Content-Type: text\/plain; charset=utf-8\r$/m);
	mailer.close();
	await stop();
});

test.each([
	["a subject", { subject: "Hello\r\nBcc: all@example.com\r\n\r\nand more" }],
	["an address", { to: "ann@example.com,all@example.com" }],
	["an address with a line", { to: "ann@example.com>\r\nRCPT TO:<all@example.com" }],
	["an id", { id: "x>\r\nBcc: all@example.com" }],
])("%s cannot bring in another receiver", async (_what, change) => {
	const { port, received, stop } = await startServer();
	const mailer = smtpMailer(`smtp://127.0.0.1:${port}`, "notices@agt.example", logger);
	await mailer.send({ ...mail, ...change });
	for (const { to, content } of received) {
		expect(to).toHaveLength(1);
		expect(to).not.toContain("all@example.com");
		expect(content).not.toMatch(/^bcc:/im);
	}
	mailer.close();
	await stop();
});

test("a mail goes over TLS with a password, to a server that has a certificate", async () => {
	const users: string[] = [];
	const { port, received, stop } = await startServer({
		secure: true,
		...LOCALHOST,
		authOptional: false,
		onAuth({ username = "", password }, _session, done) {
			users.push(username);
			if (password === "s3cr3t") done(null, { user: username });
			else done(new Error("wrong"));
		},
	});
	const url = `smtps://agt:s3cr3t@localhost:${port}`;
	const untrusting = smtpMailer(url, "notices@agt.example", logger);
	expect(await untrusting.send(mail)).toEqual({ ok: false, error: "The mail server did not take it" });
	untrusting.close();
	expect(users).toEqual([]);

	const known = tls.getCACertificates("default");
	tls.setDefaultCACertificates([LOCALHOST.cert]);
	const mailer = smtpMailer(url, "notices@agt.example", logger);
	expect(await mailer.send(mail)).toEqual({ ok: true });
	tls.setDefaultCACertificates(known);
	mailer.close();
	expect(users).toEqual(["agt"]);
	expect(received).toHaveLength(1);
	await stop();
});

test("what a mail server refuses has failed, and so has a server that is not there", async () => {
	const { port, stop } = await startServer({
		onRcptTo(_address, _session, done) {
			done(Object.assign(new Error("no such mailbox at 10.0.0.5"), { responseCode: 550 }));
		},
	});
	const mailer = smtpMailer(`smtp://127.0.0.1:${port}`, "notices@agt.example", logger);
	expect(await mailer.send(mail)).toEqual({ ok: false, error: "The mail server did not take it" });
	await stop();
	expect(await mailer.send(mail)).toEqual({ ok: false, error: "The mail server did not take it" });
	mailer.close();
});

test("without a server mail is in files, the last thousand", async () => {
	const folder = path.join(await mkdtemp(path.join(os.tmpdir(), "agt-mail-")), "mail");
	const mailer = fileMailer(folder, "notifications@localhost", logger);
	expect(await mailer.send({ ...mail, id: "0000.1" })).toEqual({ ok: true });
	expect(await readFile(path.join(folder, "0000.1.eml"), "utf8")).toMatch(/^To: ann@example\.com\r?$/m);
	const old = Array.from({ length: 1_000 }, (_, i) => `${String(i + 1).padStart(4, "0")}.1.eml`);
	await Promise.all(old.map((name) => writeFile(path.join(folder, name), "")));
	expect(await mailer.send({ ...mail, id: "2000.1" })).toEqual({ ok: true });
	const files = await readdir(folder);
	expect(files).toHaveLength(1_000);
	expect(files.sort()).toEqual([...old.slice(1), "2000.1.eml"]);
	await rm(path.dirname(folder), { recursive: true });
});

test("a folder that cannot be written to is a failure like any other", async () => {
	const folder = path.join(await mkdtemp(path.join(os.tmpdir(), "agt-mail-")), "mail");
	await writeFile(folder, "a file");
	const mailer = fileMailer(folder, "notifications@localhost", logger);
	expect(await mailer.send(mail)).toEqual({ ok: false, error: "The mail could not be written" });
	await rm(path.dirname(folder), { recursive: true });
});
