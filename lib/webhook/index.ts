import { env } from "../env.ts";
import type { FieldError } from "../refuse.ts";
import { resolveHost } from "./resolve.ts";
import { type WebhookMessage, type WebhookResult, type WebhookTarget, webhookSender } from "./sender.ts";

export { retryDelayMs } from "./schedule.ts";
export type { WebhookMessage, WebhookResult, WebhookTarget } from "./sender.ts";
export { newWebhookSecret } from "./signature.ts";

/** Sends `message` to a customer's address, signed as the Standard Webhooks specification has it. Never throws. */
export function sendWebhook(target: WebhookTarget, message: WebhookMessage): Promise<WebhookResult> {
	return sender().send(target, message);
}

/** What is wrong with a URL that a customer wants messages at, or null; for the moment when it is given. */
export function checkWebhookUrl(url: string): Promise<FieldError | null> {
	return sender().check(url);
}

function sender() {
	return webhookSender({ resolve: resolveHost, privateHosts: env().webhookPrivateHosts });
}
