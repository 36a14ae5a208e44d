import { env, givenDatabaseUrls, isSettingError } from "../../lib/env.ts";
import { SERVICE_NAMES } from "../../lib/topology.ts";

test("a machine with nothing set gets everything on loopback, without NATS", () => {
	const settings = env({});
	expect(settings).toMatchObject({
		port: 8000,
		host: "127.0.0.1",
		transporter: null,
		namespace: "agt",
		logLevel: "warn",
	});
	expect(settings.smtpUrl).toBeNull();
	expect([settings.metricsPort, settings.tracingUrl, settings.tracingSample]).toEqual([null, null, 1]);
	expect(settings.webhookPrivateHosts).toEqual([]);
	expect(settings.dataDir).toBe(`${process.cwd()}/.data`);
	expect(settings.services).toEqual(SERVICE_NAMES);
});

test("what is set is taken", () => {
	const settings = env({
		PORT: "0",
		TRANSPORTER: "nats://user:secret@10.0.0.1:4222,nats://10.0.0.2:4222",
		SERVICES: "orders, risk",
		CORS_ORIGINS: "https://a.example,http://localhost:3000",
		NODE_ID: "orders-1",
		WEBHOOK_PRIVATE_HOSTS: "Receiver.internal, 10.0.0.7,::1",
		SMTP_URL: "smtps://user:secret@mail.internal:465",
		MAIL_FROM: "notices@example.com",
		TRACING_URL: "http://127.0.0.1:4318",
		TRACING_SAMPLE: "0.05",
	});
	expect(settings.tracingUrl).toBe("http://127.0.0.1:4318/v1/traces");
	expect(settings.tracingSample).toBe(0.05);
	expect(settings.port).toBe(0);
	expect(settings.services).toEqual(["orders", "risk"]);
	expect(settings.corsOrigins).toEqual(["https://a.example", "http://localhost:3000"]);
	expect(settings.nodeId).toBe("orders-1");
	expect(settings.smtpUrl).toBe("smtps://user:secret@mail.internal:465");
	expect(settings.mailFrom).toBe("notices@example.com");
	expect(settings.webhookPrivateHosts).toEqual(["receiver.internal", "10.0.0.7", "[::1]"]);
	expect(settings.logLevel).toBe("info");
});

test.each([
	["PORT", "80a", "whole number from 0 to 65535"],
	["PORT", "65536", "whole number from 0 to 65535"],
	["SERVICES", "ordrs", SERVICE_NAMES.join(", ")],
	["TRANSPORTER", "redis://10.0.0.1", "nats://host:port"],
	["TRANSPORTER", "nats", "nats://host:port"],
	["REDIS_URL", "http://10.0.0.1", "redis://:password@host:port"],
	["NAMESPACE", "a.b", "letters, digits, _ or -"],
	["NODE_ID", "a b", "letters, digits, _ or -"],
	["LOG_LEVEL", "loud", "fatal, error, warn, info, debug, trace"],
	["LOG_FORMAT", "xml", "text, json"],
	["JETSTREAM_REPLICAS", "6", "whole number from 1 to 5"],
	["DATABASE_POOL_SIZE", "1", "whole number from 2 to 100"],
	["TRACING_URL", "collector:4318", "http://host:port"],
	["TRACING_SAMPLE", "1.5", "a number from 0 to 1"],
	["TRACING_SAMPLE", "half", "a number from 0 to 1"],
	["CORS_ORIGINS", "https://a.example/", "origins such as https://app.example.com"],
	["CORS_ORIGINS", "null", "origins such as https://app.example.com"],
	["SMTP_URL", "mail.internal:25", "smtp://user:password@host:port"],
	["SMTP_URL", "https://mail.internal", "smtp://user:password@host:port"],
	["MAIL_FROM", "Notices <notices@example.com>", "an address such as"],
	["WEBHOOK_PRIVATE_HOSTS", "localhost:8080", "host names or addresses, without ports"],
	["WEBHOOK_PRIVATE_HOSTS", "https://localhost", "host names or addresses, without ports"],
	["FAILPOINT", "orders.somewhere:1", "orders.before_reply"],
	["FAILPOINT", "orders.before_reply", "name:n"],
	["FAILPOINT", "orders.before_reply:0", "n from 1"],
	["FAILPOINT", "orders.before_reply:1.5", "n from 1"],
	["WEBHOOK_PRIVATE_HOSTS", "10.0.0.0/8", "host names or addresses, without ports"],
])("%s=%s is refused in one line that says what is allowed", (name, value, allowed) => {
	const message = messageOf(() => env({ [name]: value }));
	expect(message).toMatch(new RegExp(`^${name}=".*" is wrong: it must be `));
	expect(message).toContain(allowed);
	expect(message).not.toContain("\n");
});

test("a database URL is asked for by the service's name", () => {
	const url = "postgres://app:secret@db.internal:5432/orders_db";
	expect(env({ ORDERS_DATABASE_URL: url }).databaseUrl("orders")).toBe(url);
	expect(givenDatabaseUrls({ ORDERS_DATABASE_URL: url, RISK_DATABASE_URL: "" })).toEqual({ orders: url });
});

test("a missing or wrong database URL names its variable", () => {
	expect(messageOf(() => env({}).databaseUrl("orders"))).toContain("ORDERS_DATABASE_URL");
	expect(messageOf(() => env({ RISK_DATABASE_URL: "mysql://db/x" }).databaseUrl("risk"))).toContain(
		"RISK_DATABASE_URL",
	);
});

test.each([
	["ftp://user:secret@10.0.0.1", "ftp://***@10.0.0.1"],
	["ftp://user:sec/ret@host:5432/name", "ftp://***@host:5432/name"],
	["ftp://user:a:secret@host:5432", "ftp://***@host:5432"],
	["ftp://user:a@sec/ret@[::1]:5432", "ftp://***@[::1]:5432"],
	["ftp://user://secret@host", "ftp://***@host"],
	["ftp://user:sec?ret#a@host", "ftp://***@host"],
	["user:sec/ret@host", "***@host"],
	["ftp://user:secret", "ftp://***"],
	["ftp://host/name?user=a&password=secret", "ftp://***"],
	["ftp://user:a@host/name?password=secret", "ftp://***"],
])("the password in %s stays out of messages", (url, shown) => {
	for (const variable of ["TRANSPORTER", "REDIS_URL", "TRACING_URL", "SMTP_URL", "ORDERS_DATABASE_URL"]) {
		expect(messageOf(() => env({ [variable]: url }).databaseUrl("orders"))).toContain(`${variable}="${shown}"`);
	}
});

test("what is no more than a host is shown whole", () => {
	for (const url of ["mail.internal:25", "ftp://10.0.0.1:4222", "ftp://[::1]:4222/a-name", "orders_db"])
		expect(messageOf(() => env({ REDIS_URL: url }))).toContain(`REDIS_URL="${url}"`);
});

test("who sends mail by a server says from which address", () => {
	expect(messageOf(() => env({ SMTP_URL: "smtp://mail.internal" }))).toContain("MAIL_FROM");
});

function messageOf(work: () => unknown): string {
	try {
		work();
	} catch (error) {
		if (isSettingError(error)) return error.message;
		throw error;
	}
	throw new Error("was not refused");
}
