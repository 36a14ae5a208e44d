import net from "node:net";

const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "::1"]);

const guarded: unique symbol = Symbol.for("agt.address-guard");
const prototype = net.Socket.prototype as net.Socket & { [guarded]?: true };

// Test files of one worker share this module's prototype, which must be wrapped once.
if (!prototype[guarded]) {
	prototype[guarded] = true;
	const connect = prototype.connect;
	prototype.connect = function (this: net.Socket, ...args: Parameters<typeof connect>) {
		const host = hostOf(args);
		if (host !== undefined && !LOOPBACK.has(host)) throw new Error(`A test must not connect to ${host}`);
		return connect.apply(this, args);
	} as typeof connect;
}

/** Node calls itself with its normalized arguments as an array in the first one. */
function hostOf(args: readonly unknown[]): string | undefined {
	const [first, second] = Array.isArray(args[0]) ? args[0] : args;
	if (typeof first === "object" && first !== null) {
		return "host" in first && typeof first.host === "string" ? first.host : undefined;
	}
	return typeof first === "number" && typeof second === "string" ? second : undefined;
}
