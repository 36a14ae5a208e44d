import { isIP } from "node:net";
import type { FieldError } from "../refuse.ts";
import { isPublicAddress } from "./public-address.ts";

/** What browsers and proxies take, by custom. */
const MAX_URL_LENGTH = 2_048;

/** The parser would leave them out silently. */
const BLANK_OR_CONTROL = /[\s\p{Cc}]/u;

export type UrlProblem = FieldError & {
	readonly code: "INVALID_URL" | "INSECURE_URL" | "PRIVATE_ADDRESS" | "UNKNOWN_HOST";
};

/** What is wrong with the URL of a webhook. */
export function urlProblem(code: UrlProblem["code"], message: string): UrlProblem {
	return { pointer: "/url", code, message };
}

/**
 * A webhook's URL, or what is wrong with it as far as that can be told without asking name servers. The host is in the
 * parser's form, in which an IPv4 address looks one way however it was written.
 */
export function parseWebhookUrl(text: string, privateHosts: ReadonlySet<string>): URL | UrlProblem {
	if (text.length > MAX_URL_LENGTH)
		return urlProblem("INVALID_URL", `The URL is longer than ${MAX_URL_LENGTH} characters`);
	const url = BLANK_OR_CONTROL.test(text) ? null : URL.parse(text);
	if (!url?.hostname) return urlProblem("INVALID_URL", "The URL must be whole, such as https://example.com/hook");
	if (url.username || url.password) return urlProblem("INVALID_URL", "The URL must not hold a name or a password");
	const trusted = privateHosts.has(url.hostname);
	if (url.protocol !== "https:" && !(trusted && url.protocol === "http:"))
		return urlProblem("INSECURE_URL", "The URL must begin with https://");
	const address = literalAddress(url);
	if (address !== null && !trusted && !isPublicAddress(address)) return privateAddress();
	return url;
}

/** That the URL leads, or may lead, to where no customer has anything. */
export function privateAddress(): UrlProblem {
	return urlProblem("PRIVATE_ADDRESS", "The URL must lead to a public address");
}

/** The IP address that the URL names instead of a host, or null. */
export function literalAddress({ hostname }: URL): string | null {
	const bare = hostname.replace(/^\[|\]$/g, "");
	return isIP(bare) ? bare : null;
}
