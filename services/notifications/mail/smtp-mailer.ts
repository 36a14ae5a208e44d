import type { Logger } from "moleculer";
import { createTransport } from "nodemailer";
import type { Mailer } from "./mailer.ts";
import { messageOf } from "./message.ts";

const MAX_CONNECTIONS = 4;
/** For all of a mail, from waiting for a connection on. */
const TIMEOUT_MS = 20_000;

/** Sends mail by the server at `url`. */
export function smtpMailer(url: string, from: string, logger: Logger): Mailer {
	const transport = createTransport({ url, pool: true, maxConnections: MAX_CONNECTIONS, socketTimeout: TIMEOUT_MS });
	return {
		async send(mail) {
			try {
				await transport.sendMail({ ...messageOf(mail, from), signal: AbortSignal.timeout(TIMEOUT_MS) });
				return { ok: true };
			} catch (error) {
				// Its message may have the address.
				const { code, responseCode } = error as { readonly code?: string; readonly responseCode?: number };
				logger.warn(`mail ${mail.id} was not taken by the mail server`, { code, response_code: responseCode });
				return { ok: false, error: "The mail server did not take it" };
			}
		},
		close: () => transport.close(),
	};
}
