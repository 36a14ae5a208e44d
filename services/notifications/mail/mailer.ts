import path from "node:path";
import type { Logger } from "moleculer";
import { env } from "../../../lib/env.ts";
import type { Outcome } from "../deliver.ts";
import { fileMailer } from "./file-mailer.ts";
import { smtpMailer } from "./smtp-mailer.ts";

/** A mail of plain text to one address. */
export interface Mail {
	/** Stands in the mail, so that a receiver can tell a repeat. */
	readonly id: string;
	readonly to: string;
	readonly subject: string;
	readonly text: string;
}

export interface Mailer {
	/** Tries once. Never throws. */
	send(mail: Mail): Promise<Outcome>;
	close(): void;
}

/** Mail by SMTP if the environment names a server, else into files of the data folder. */
export function openMailer(logger: Logger): Mailer {
	const { smtpUrl, mailFrom, dataDir } = env();
	return smtpUrl === null
		? fileMailer(path.join(dataDir, "mail"), mailFrom, logger)
		: smtpMailer(smtpUrl, mailFrom, logger);
}
