import { type Service, ServiceBroker } from "moleculer";
import type { SettingInForce } from "../../../contracts/config.ts";
import { type Settings, settings } from "../../../mixins/settings.mixin.ts";

const KEY = "trading.max_orders_per_user";
const realNow = performance.now.bind(performance);

let broker: ServiceBroker;
let user: Service & Settings;
/** What `config` answers; null makes it fail. */
let inForce: SettingInForce | null;
let reads: number;

beforeEach(async () => {
	inForce = { key: KEY, value: 7, version: 1 };
	reads = 0;
	broker = new ServiceBroker({ logger: false, dependencyInterval: 10 });
	user = broker.createService({ name: "user", mixins: [settings()] }) as Service & Settings;
	await broker.start();
});

afterEach(async () => {
	performance.now = realNow;
	await broker.stop();
});

async function startConfig(): Promise<void> {
	broker.createService({
		name: "config",
		actions: {
			async value() {
				reads++;
				await new Promise((resolve) => setImmediate(resolve));
				if (!inForce) throw new Error("no database");
				return inForce;
			},
		},
	});
	await broker.waitForServices("config");
}

function pass(ms: number): void {
	const now = performance.now.bind(performance);
	performance.now = () => now() + ms;
}

test("without config the default holds, until config is there and the default is 2 s old", async () => {
	expect(await user.setting(KEY)).toBe(100);
	await startConfig();
	expect(await user.setting(KEY)).toBe(100);
	pass(2_001);
	expect(await user.setting(KEY)).toBe(7);
});

test("many who ask at once, and again within 2 s, cost one read", async () => {
	await startConfig();
	expect(await Promise.all([1, 2, 3].map(() => user.setting(KEY)))).toEqual([7, 7, 7]);
	expect(await user.setting(KEY)).toBe(7);
	expect(reads).toBe(1);
});

test("a hint is taken at once, an older one is not, and neither costs a read", async () => {
	await startConfig();
	await user.setting(KEY);
	await broker.broadcast("config.hint", { key: KEY, value: 9, version: 3 });
	await broker.broadcast("config.hint", { key: KEY, value: 8, version: 2 });
	expect(await user.setting(KEY)).toBe(9);
	expect(reads).toBe(1);
});

test("a change whose hint was lost is seen after 2 s", async () => {
	await startConfig();
	await user.setting(KEY);
	inForce = { key: KEY, value: 11, version: 2 };
	expect(await user.setting(KEY)).toBe(7);
	pass(2_001);
	expect(await user.setting(KEY)).toBe(11);
});

test("while config fails the last value holds, and is not asked for more than every 2 s", async () => {
	await startConfig();
	await user.setting(KEY);
	inForce = null;
	pass(2_001);
	expect(await user.setting(KEY)).toBe(7);
	expect(await user.setting(KEY)).toBe(7);
	expect(reads).toBe(2);
});
