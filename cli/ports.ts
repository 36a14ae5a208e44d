import { once } from "node:events";
import net from "node:net";
import { usageError } from "./run.ts";

/** Throws a line for the user when nobody can listen there; `command` is what to start with another port. */
export async function expectFreePort(port: number, host: string, command: string): Promise<void> {
	const probe = net.createServer();
	try {
		probe.listen(port, host);
		await once(probe, "listening");
	} catch (error) {
		const reason = (error as NodeJS.ErrnoException).code === "EADDRINUSE" ? "is in use" : "cannot be listened on";
		throw usageError(`PORT=${port} on HOST=${host} ${reason}: choose another, such as 'PORT=${port + 1} ${command}'`);
	}
	probe.close();
	await once(probe, "close");
}

/** A port of `host` that was free a moment ago: `preferred` if possible, else any. */
export async function findFreePort(preferred: number, host: string): Promise<number> {
	const probe = net.createServer();
	try {
		probe.listen(preferred, host);
		await once(probe, "listening");
	} catch (error) {
		if (preferred === 0) throw error;
		return findFreePort(0, host);
	}
	const { port } = probe.address() as net.AddressInfo;
	probe.close();
	await once(probe, "close");
	return port;
}

/** Whether somebody accepts connections there. */
export function accepts(port: number, host: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = net.connect(port, host);
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}

/** The URL of a gateway; of one that listens everywhere this machine takes the loopback. */
export function gatewayUrl(host: string, port: number): string {
	const everywhere = host === "0.0.0.0" || host === "::";
	return `http://${everywhere ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`;
}
