import type { Socket } from "node:net";
import pg from "pg";

/** A connection of the driver, with what its types leave out. */
export interface Silenceable {
	/** False while something that was asked has no answer. */
	readonly readyForQuery?: boolean;
	readonly connection: { readonly stream: Socket };
}

/**
 * The driver, with connections that end themselves when their server leaves a question without any sign for `limitMs`:
 * its host may be gone without having said so, and TCP takes a quarter of an hour to notice. What waits for an answer
 * then fails by `ETIMEDOUT`. The socket's own timer costs a statement nothing.
 */
export function driverEndingWhenSilent(limitMs: number): object {
	return {
		...pg,
		Client: function openClient(config: pg.ClientConfig): pg.Client {
			const client = new pg.Client(config);
			const connection = client as unknown as Silenceable;
			client.once("connect", () => {
				const { stream } = connection.connection;
				stream.setTimeout(limitMs);
				stream.on("timeout", () => {
					if (connection.readyForQuery && !stream.writableEnded) return;
					const silent = new Error("Connection terminated: the server is silent");
					stream.destroy(Object.assign(silent, { code: "ETIMEDOUT" }));
				});
			});
			return client;
		},
	};
}

/** Has a connection be waited for by another limit; 0 is for ever. */
export function limitSilence({ connection }: Silenceable, limitMs: number): void {
	if (connection.stream.timeout !== limitMs) connection.stream.setTimeout(limitMs);
}
