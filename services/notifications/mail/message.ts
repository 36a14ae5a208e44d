import type { SendMailOptions } from "nodemailer";
import type { Mail } from "./mailer.ts";

/** A mail as it is sent from the address `from`. The address it goes to is one, whatever it looks like. */
export function messageOf({ id, to, subject, text }: Mail, from: string): SendMailOptions {
	return {
		from: { name: "AutoGrowthTrading", address: from },
		to: { name: "", address: to },
		messageId: `<${id}@${from.slice(from.lastIndexOf("@") + 1)}>`,
		subject,
		text,
		// Says to programs that answer mail that there is nobody to answer.
		headers: { "Auto-Submitted": "auto-generated" },
		disableFileAccess: true,
		disableUrlAccess: true,
	};
}
