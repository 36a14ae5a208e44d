import { Webhook } from "standardwebhooks";
import { newWebhookSecret, signedHeaders } from "../../../lib/webhook/signature.ts";

const message = { id: "0198c1b2-0000-7000-8000-000000000001", body: '{"kind":"order_filled","title":"Gefüllt ✓"}' };

test("a receiver that follows Standard Webhooks accepts what is signed, and reads it as it was", () => {
	const secret = newWebhookSecret();
	expect(new Webhook(secret).verify(message.body, signedHeaders(secret, message, Date.now()))).toEqual(
		JSON.parse(message.body),
	);
});

test("the signature is the one that the specification's library makes, byte for byte", () => {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
	const at = new Date("2026-01-02T03:04:05.678Z");
	expect(signedHeaders(secret, message, at.getTime())).toEqual({
		"webhook-id": message.id,
		"webhook-timestamp": "1767323045",
		"webhook-signature": new Webhook(secret).sign(message.id, at, message.body),
	});
});

test.each([
	["another secret", { secret: newWebhookSecret() }],
	["another body", { body: message.body.replace("Gef", "gef") }],
	["another id", { id: "0198c1b2-0000-7000-8000-000000000002" }],
	["a time long ago", { sentMsAgo: 10 * 60_000 }],
])("a receiver refuses %s", (_what, change) => {
	const sent = { secret: newWebhookSecret(), ...message, sentMsAgo: 0 };
	const headers = signedHeaders(sent.secret, sent, Date.now() - { ...sent, ...change }.sentMsAgo);
	const seen = { ...sent, ...change };
	expect(() => new Webhook(seen.secret).verify(seen.body, { ...headers, "webhook-id": seen.id })).toThrow();
});

test("secrets are of 32 random bytes and never the same", () => {
	const secrets = Array.from({ length: 100 }, newWebhookSecret);
	expect(new Set(secrets).size).toBe(100);
	for (const secret of secrets) {
		expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
	}
});
