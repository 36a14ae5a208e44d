import { once } from "node:events";
import http from "node:http";
import { pinnedLookup } from "../../../lib/webhook/pinned-lookup.ts";
import { startReceiver } from "../../support/webhook-receiver.ts";

test.each([
	["the address", ["127.0.0.1"]],
	["the one of the addresses that answers", ["::1", "127.0.0.1"]],
])("a connection goes to %s that it was pinned to", async (_what, addresses) => {
	const { url, received, stop } = await startReceiver();
	const { port } = new URL(url);
	const lookup = pinnedLookup(addresses);
	const request = http.request({ host: "localhost", port, lookup, autoSelectFamily: true, agent: false } as object);
	request.end();
	await once(request, "response");
	expect(received).toHaveLength(1);
	await stop();
});
