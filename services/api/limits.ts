/** The most bytes of a request's body: an order with 1 KB of metadata needs a tenth of it. */
export const MAX_BODY_BYTES = 16 * 1024;

/** How deep arrays and objects of a body may be nested. */
export const MAX_BODY_DEPTH = 32;

/** How long a client waits at most for an answer; what has not begun by then is not begun any more. */
export const REQUEST_TIME_MS = 5_000;

/** Requests that take longer are told of in the log. */
export const SLOW_REQUEST_MS = 1_000;

/** How soon a client may try again what a part that is missing could not serve: most are back by then. */
export const RETRY_AFTER_S = 5;

/** Requests are counted over this long, tries to log in over this long, and tries to register. */
export const RATE_WINDOW_S = 10;
export const LOGIN_WINDOW_S = 15 * 60;
export const REGISTRATION_WINDOW_S = 15 * 60;

/** A Redis that has failed is left alone for so long before requests are counted there again. */
export const REDIS_REST_MS = 1_000;

/** Open connections; a further one is closed at once. */
export const MAX_CONNECTIONS = 10_000;

/** A client that is slower than this to send its headers, or all of its request, is cut off. */
export const HEADERS_TIMEOUT_MS = 5_000;
export const BODY_TIMEOUT_MS = 8_000;

/** How often connections are held against these limits. */
export const CONNECTION_CHECK_MS = 1_000;

/** Longer than the idle timeout of the usual proxies, so that it is they who close. */
export const KEEP_ALIVE_MS = 65_000;

/** When a gateway of a cluster stops: how long it serves on, not ready, for load balancers that ask every second. */
export const STOP_NOTICE_MS = 2_500;

/** When the gateway stops: how long requests in flight may take before their connections are cut. */
export const DRAIN_GRACE_MS = 10_000;

/** An access token of ours has some 500 characters. */
export const MAX_TOKEN_LENGTH = 4_096;

/** Verified tokens that are remembered: a few hundred bytes each. */
export const MAX_VERIFIED_TOKENS = 20_000;

/** API keys that are remembered as good: a few hundred bytes each, with a list of addresses some more. */
export const MAX_VERIFIED_API_KEYS = 20_000;

/** `auth` is told that a key is in use by asking for it again: a little over the minute to which it notes uses. */
export const API_KEY_REFRESH_MS = 65_000;

/** Signing keys are asked for again at this age, and for an unknown key id no sooner than this after the last time. */
export const KEYS_MAX_AGE_MS = 5 * 60_000;
export const KEYS_MIN_INTERVAL_MS = 10_000;

/** What ended is asked for this often, when no hint tells to ask at once: a logout holds within 5 s. */
export const REVOCATION_POLL_MS = 2_000;

/** What the gateway's own calls may take. */
export const GATEWAY_CALL_MS = 2_000;

export const MAX_USER_AGENT_LENGTH = 256;

/** Denials that wait to be recorded in the audit: some 5 MB of memory. */
export const MAX_WAITING_DENIALS = 10_000;

/** How soon the audit is tried again while it is away, and how long at most when the gateway stops. */
export const DENIALS_RETRY_MS = 500;
export const DENIALS_DRAIN_MS = 2_000;

/** The longest part of an address that is recorded. */
export const MAX_NOTED_PATH_LENGTH = 200;

/** Answers that are streamed at the same time; each reads as fast as its client does. */
export const MAX_STREAMS = 4;

/** A client that takes nothing of a stream for so long is cut off. */
export const STREAM_STALL_MS = 30_000;
