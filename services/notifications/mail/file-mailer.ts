import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Logger } from "moleculer";
import { createTransport } from "nodemailer";
import type { Mailer } from "./mailer.ts";
import { messageOf } from "./message.ts";

/** Enough to look at; the oldest are removed. */
const MAX_FILES = 1_000;

/** Writes mail into files of `folder`, named so that they sort by time, where no mail server is at hand. */
export function fileMailer(folder: string, from: string, logger: Logger): Mailer {
	const composer = createTransport({ streamTransport: true, buffer: true });
	return {
		async send(mail) {
			try {
				const { message } = await composer.sendMail(messageOf(mail, from));
				const file = path.join(folder, `${mail.id}.eml`);
				await mkdir(folder, { recursive: true, mode: 0o700 });
				await writeFile(`${file}.new`, message, { mode: 0o600 });
				await rename(`${file}.new`, file);
				logger.info(`mail ${mail.id} is in ${file}`);
				await removeOldest(folder);
				return { ok: true };
			} catch (error) {
				logger.warn(`mail ${mail.id} could not be written`, error);
				return { ok: false, error: "The mail could not be written" };
			}
		},
		close: () => composer.close(),
	};
}

async function removeOldest(folder: string): Promise<void> {
	const files = (await readdir(folder)).filter((name) => name.endsWith(".eml")).sort();
	const oldest = files.slice(0, Math.max(0, files.length - MAX_FILES));
	await Promise.all(oldest.map((name) => rm(path.join(folder, name), { force: true })));
}
