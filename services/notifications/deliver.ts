import { sendWebhook } from "../../lib/webhook/index.ts";
import type { Dispatch } from "./dispatch.store.ts";
import type { Mailer } from "./mail/mailer.ts";

/** What became of a try; a `final` failure is not tried again. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: string; readonly final?: true };

/** Tries once to send a dispatch. */
export type Deliver = (dispatch: Dispatch) => Promise<Outcome>;

/** Sends a dispatch to its webhook, or by `mailer`. A message has the same id however often it is sent. */
export function deliverBy(mailer: Mailer): Deliver {
	return async ({ dispatchId, notification, suspended, email, webhook }) => {
		const { notification_id, title, body } = notification;
		if (suspended) return { ok: false, error: "The user is suspended", final: true };
		if (webhook?.disabled) return { ok: false, error: "The webhook is disabled", final: true };
		if (webhook) return sendWebhook(webhook, { id: notification_id, body: JSON.stringify(notification) });
		if (email === null) return { ok: false, error: "The address of the user is not known yet" };
		return mailer.send({ id: `${notification_id}.${dispatchId}`, to: email, subject: title, text: `${body}\n` });
	};
}
