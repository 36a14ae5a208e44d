import { spawn } from "node:child_process";
import { ServiceBroker } from "moleculer";
import ApiWeb from "moleculer-web";
import { startStubApi } from "./support/stub-api.ts";
import { brokerOptions } from "../moleculer.config.ts";
async function load(port: number, path: string, token: string, conns = 32, secs = 5, extra: string[] = []) {
  const c0 = process.cpuUsage();
  const out = await new Promise<string>((res) => { const p = spawn(process.execPath, ["/tmp/b/load.mjs", String(port), path, token || "-", String(conns), String(secs), ...extra]); let o = ""; p.stdout.on("data", (d) => o += d); p.stderr.pipe(process.stderr); p.on("close", () => res(o)); });
  const c = process.cpuUsage(c0); const r = JSON.parse(out);
  return { ...r, cpuUs: ((c.user + c.system) / r.n).toFixed(1) };
}
async function plain(opts: object, name: string) {
  const b = new ServiceBroker({ ...opts, logger: false, namespace: name });
  b.createService({ name: "api", mixins: [ApiWeb as never], settings: { port: 0, ip: "127.0.0.1", logRequest: null, logResponse: null, logRequestParams: null, routes: [{ path: "/", aliases: { "GET /x": "e.x", "POST /x": "e.x" }, bodyParsers: { json: true }, logging: false, mappingPolicy: "restrict" }] }, actions: { rest: { auth: "public" }, listAliases: false, addRoute: false, removeRoute: false } } as never);
  b.createService({ name: "e", actions: { x: { auth: "public", handler: () => ({ items: [], next_cursor: null }) } } } as never);
  await b.start();
  return { b, port: (b.getLocalService("api") as any).server.address().port };
}
const A = await plain({}, "a");
const A2 = await plain(brokerOptions(), "a2");
const order = { order_id: "o1", status: "open" };
const api = await startStubApi({ orders: { list: { auth: "user", params: { $$strict: true, limit: { type: "number", optional: true } }, handler: () => ({ items: [], next_cursor: null }) }, place: { auth: "user", handler: () => ({ order, replayed: false }) } }, data: { instruments: { auth: "public", handler: () => ({ items: [] }) } } } as never);
const port = Number(new URL(api.baseUrl).port);
const token = await api.token();
const body = JSON.stringify({ symbol: "BTC-USD", side: "buy", quantity: "1.5", price: "61000.25", client_order_id: "abc-123" });
for (let i = 0; i < 0; i++) {
  console.log("empty moleculer-web   ", await load(A.port, "/x", ""));
  console.log("  + our broker options", await load(A2.port, "/x", ""));
  console.log("empty + body parser", await load(A2.port, "/x", "", 32, 5, ["POST", body]));
  console.log("our public action     ", await load(port, "/api/data/instruments", ""));
  console.log("our authorised action ", await load(port, "/api/orders?limit=5", token));
  console.log("our authorised POST   ", await load(port, "/api/orders", token, 32, 5, ["POST", body]));
}
console.log(await load(process.env["X"] ? A2.port : port, process.env["P"]!, token, 32, 8, process.env["M"]==="POST" ? ["POST", body] : []));
await api.stop(); await A.b.stop(); await A2.b.stop(); process.exit(0);
