import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectNats, type JetStreamManager, type NatsConnection } from "nats";
import { jetStreamTransport } from "../../../lib/event-bus/jetstream.ts";
import type { Transport } from "../../../lib/event-bus/transport.ts";
import { atTheEnd, cleanUp, quiet } from "./harness.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";

/** The event bus on a nats-server, new for each test. */
export interface NatsBus {
	server(): NatsServer;
	/** The name of its stream, and what comes before a type in a subject. */
	stream(): string;
	prefix(): string;
	connect(): Transport;
	/** A transport as one more node has it, closed when the test is over. */
	node(): Transport;
	/** A connection besides. */
	client(): Promise<NatsConnection>;
	manager(): Promise<JetStreamManager>;
	deleteStream(): Promise<void>;
	/** How many messages the stream has. */
	held(): Promise<number>;
}

/** The figures are for a loaded machine; the product's own times are a fraction of them. */
export const HEALED_MS = 20_000;
/** Longer than a relay under test waits before it asks again. */
export const BETWEEN_ROUNDS_MS = 200;

/** A bus for the tests of a file, whose nats-server they share. */
export function busOnNats(): NatsBus {
	let server: NatsServer;
	let namespace: string;
	beforeAll(async () => {
		server = await startNatsServer();
	});
	afterAll(() => server.remove());
	beforeEach(() => {
		namespace = `test-${randomBytes(4).toString("hex")}`;
		// Sequelize says on the console when it drops a broken connection: here that is meant to happen.
		import.meta.jest.spyOn(console, "warn").mockImplementation(() => {});
	});
	afterEach(cleanUp);

	const connect = (): Transport => jetStreamTransport({ servers: server.url, namespace, logger: quiet });

	async function client(): Promise<NatsConnection> {
		const connection = await connectNats({ servers: server.url });
		atTheEnd(() => connection.close());
		return connection;
	}

	const manager = async () => (await client()).jetstreamManager();
	const stream = () => `${namespace}-events`;

	return {
		server: () => server,
		stream,
		prefix: () => `${namespace}.events.`,
		connect,
		node() {
			const transport = connect();
			atTheEnd(() => transport.close());
			return transport;
		},
		client,
		manager,
		// When nobody is asking: nats-server 2.9.10 may crash when asked for a message of a stream that is being made.
		async deleteStream() {
			await delay(BETWEEN_ROUNDS_MS);
			await (await manager()).streams.delete(stream());
		},
		held: async () => (await (await manager()).streams.info(stream())).state.messages,
	};
}
