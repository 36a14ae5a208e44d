import { once } from "node:events";
import http, { type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import type { LookupFunction, TcpNetConnectOpts } from "node:net";
import type { FieldError } from "../refuse.ts";
import { pinnedLookup } from "./pinned-lookup.ts";
import { isPublicAddress } from "./public-address.ts";
import type { Resolve } from "./resolve.ts";
import { signedHeaders } from "./signature.ts";
import { literalAddress, parseWebhookUrl, privateAddress, type UrlProblem, urlProblem } from "./url.ts";

/** Where a message goes, and the secret that the receiver knows it by. */
export interface WebhookTarget {
	readonly url: string;
	readonly secret: string;
}

/** What is sent; `id` is the same on every try, so that a receiver can tell a repeat. */
export interface WebhookMessage {
	readonly id: string;
	/** JSON. */
	readonly body: string;
}

/** `error` is for the customer: nothing in it tells of our network or of what the receiver wrote. */
export type WebhookResult = { readonly ok: true } | { readonly ok: false; readonly error: string };

export interface WebhookSender {
	/** Tries once. Only a whole answer of 2xx in time is success. Never throws. */
	send(target: WebhookTarget, message: WebhookMessage): Promise<WebhookResult>;
	/** What is wrong with a URL that somebody wants messages at, or null. */
	check(url: string): Promise<FieldError | null>;
}

export interface SenderOptions {
	readonly resolve: Resolve;
	/** Hosts, as `URL` writes them, that may be private and be spoken to without TLS. */
	readonly privateHosts: readonly string[];
	/** From the question to the name servers to the last byte of the answer; ten seconds unless told. */
	readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** Somebody waits for it, in a request. */
const CHECK_TIMEOUT_MS = 3_000;
/** An answer says all by its status; so much more is read to let its sender finish, then the connection is cut. */
const MAX_ANSWER_BYTES = 4_096;
/** For each address of a host but the last. */
const CONNECT_ATTEMPT_MS = 2_000;

const TLS_ERROR = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$|EPROTO$)/;

/** Passed on to the socket, which Node's types leave out. */
type ConnectOptions = Pick<TcpNetConnectOpts, "autoSelectFamily" | "autoSelectFamilyAttemptTimeout">;
type Destination = { readonly url: URL; readonly lookup?: LookupFunction } | UrlProblem;

/** Sends webhooks to public addresses and to `privateHosts`; nowhere else, whatever name servers say. */
export function webhookSender({ resolve, privateHosts, timeoutMs = TIMEOUT_MS }: SenderOptions): WebhookSender {
	const trusted: ReadonlySet<string> = new Set(privateHosts);

	/** Where a request may go now. The addresses that were looked at are the ones it goes to. */
	async function destinationOf(text: string, signal: AbortSignal): Promise<Destination> {
		const url = parseWebhookUrl(text, trusted);
		if ("code" in url) return url;
		if (trusted.has(url.hostname) || literalAddress(url) !== null) return { url };
		const addresses = await resolve(url.hostname, signal).catch(() => []);
		if (addresses.length === 0) return urlProblem("UNKNOWN_HOST", "The host of the URL has no address");
		if (!addresses.every(isPublicAddress)) return privateAddress();
		return { url, lookup: pinnedLookup(addresses) };
	}

	return {
		async send(target, message) {
			const signal = AbortSignal.timeout(timeoutMs);
			try {
				const destination = await destinationOf(target.url, signal);
				if ("code" in destination) return failed(destination.message);
				const answer = await post(destination, signedHeaders(target.secret, message, Date.now()), message.body, signal);
				await discard(answer);
				return resultOf(answer.statusCode ?? 0);
			} catch (error) {
				return failed(signal.aborted ? `No answer within ${timeoutMs / 1_000} s` : reasonOf(error));
			}
		},
		async check(url) {
			const destination = await destinationOf(url, AbortSignal.timeout(Math.min(CHECK_TIMEOUT_MS, timeoutMs)));
			return "code" in destination ? destination : null;
		},
	};
}

async function post(
	{ url, lookup }: Exclude<Destination, UrlProblem>,
	headers: Readonly<Record<string, string>>,
	body: string,
	signal: AbortSignal,
): Promise<IncomingMessage> {
	const options: RequestOptions & ConnectOptions = {
		method: "POST",
		headers: { ...headers, "content-type": "application/json", "user-agent": "AutoGrowthTrading-Webhooks/1" },
		signal,
		// A connection of its own: one that was kept would not be checked.
		agent: false,
		// So that `lookup` is always asked for all addresses.
		autoSelectFamily: true,
		autoSelectFamilyAttemptTimeout: CONNECT_ATTEMPT_MS,
		...(lookup && { lookup }),
	};
	const request = url.protocol === "https:" ? https.request(url, options) : http.request(url, options);
	// What breaks after the answer has begun shows in the answer.
	request.on("error", () => {});
	request.end(body);
	const [answer] = (await once(request, "response", { signal })) as [IncomingMessage];
	return answer;
}

/** Leaving the loop early cuts the connection. */
async function discard(answer: IncomingMessage): Promise<void> {
	let bytes = 0;
	for await (const chunk of answer) {
		bytes += (chunk as Buffer).length;
		if (bytes > MAX_ANSWER_BYTES) break;
	}
}

function resultOf(status: number): WebhookResult {
	if (status >= 200 && status < 300) return { ok: true };
	const redirected = status >= 300 && status < 400;
	return failed(`Answered with status ${status}${redirected ? ": redirects are not followed" : ""}`);
}

function failed(error: string): WebhookResult {
	return { ok: false, error };
}

function reasonOf(error: unknown): string {
	const { code = "" } = error as NodeJS.ErrnoException;
	if (code === "ECONNREFUSED") return "The connection was refused";
	return TLS_ERROR.test(code) ? "The certificate or the TLS connection is not valid" : "The connection failed";
}
