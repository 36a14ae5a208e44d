import { createHmac, randomBytes } from "node:crypto";

const SECRET_PREFIX = "whsec_";
const SECRET_BYTES = 32;

/** A new secret to sign with, as the Standard Webhooks specification writes it: `whsec_` and base64. */
export function newWebhookSecret(): string {
	return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString("base64");
}

/** The headers by which a receiver knows that a message is ours, whole and fresh, as Standard Webhooks has them. */
export function signedHeaders(
	secret: string,
	message: { readonly id: string; readonly body: string },
	nowMs: number,
): Readonly<Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>> {
	const key = Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
	const timestamp = String(Math.floor(nowMs / 1_000));
	const signature = createHmac("sha256", key).update(`${message.id}.${timestamp}.${message.body}`).digest("base64");
	return { "webhook-id": message.id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
