import type { Context, Service } from "moleculer";
import type { SettingInForce, SettingKey, SettingValue, SettingValues } from "../contracts/config.ts";
import { refuse } from "../lib/refuse.ts";
import { call, mixin } from "../lib/service.ts";
import { SETTINGS } from "../lib/settings.ts";

/** What a service that runs by settings has. */
export interface Settings {
	/** The value in force, at most 2 s old; while `config` cannot be reached the last one known, or else the default. */
	setting<K extends SettingKey>(key: K): Promise<SettingValues[K]>;
	/** The same for what the default does not guard; refuses `SERVICE_UNAVAILABLE` until it has been read once. */
	confirmedSetting<K extends SettingKey>(key: K): Promise<SettingValues[K]>;
}

interface Known {
	readonly value: SettingValue;
	readonly version: number;
	/** False for the default in place of a value that could not be read. */
	readonly confirmed: boolean;
	readonly readAtMs: number;
}

type SettingRead = Pick<Known, "value" | "version">;

interface Vars {
	knownSettings: Map<SettingKey, Known>;
	settingReads: Map<SettingKey, Promise<Known>>;
}

const MAX_AGE_MS = 2_000;
/** Whoever asks is in the middle of a request and would rather go on with the last value. */
const READ_TIMEOUT_MS = 500;

/** Gives a service the runtime settings. It learns of a change by a hint at once, or by age when the hint was lost. */
export function settings() {
	return mixin<Settings, Vars>({
		methods: {
			async setting<K extends SettingKey>(key: K) {
				return (await latest(this, key)).value as SettingValues[K];
			},
			async confirmedSetting<K extends SettingKey>(key: K) {
				const { confirmed, value } = await latest(this, key);
				if (!confirmed) throw refuse("SERVICE_UNAVAILABLE", `Setting ${key} is not known yet`);
				return value as SettingValues[K];
			},
		},
		events: {
			"config.hint"(this: Service & Vars, { params: hint }: Context<SettingInForce>) {
				const known = this.knownSettings.get(hint.key);
				if (known && known.version < hint.version) learn(this, hint.key, hint);
			},
		},
		created() {
			this.knownSettings = new Map();
			this.settingReads = new Map();
		},
	});
}

async function latest(service: Service & Vars, key: SettingKey): Promise<Known> {
	const known = service.knownSettings.get(key);
	return known && performance.now() - known.readAtMs <= MAX_AGE_MS ? known : readOnce(service, key);
}

/** Requests that ask at the same time share one read. */
function readOnce(service: Service & Vars, key: SettingKey): Promise<Known> {
	const running = service.settingReads.get(key) ?? read(service, key).finally(() => service.settingReads.delete(key));
	service.settingReads.set(key, running);
	return running;
}

async function read(service: Service & Vars, key: SettingKey): Promise<Known> {
	try {
		return learn(service, key, await call(service.broker, "config.value", { key }, { timeout: READ_TIMEOUT_MS }));
	} catch (error) {
		service.logger.warn(`Setting ${key} cannot be read and stays as it was`, error);
		// Kept as if read, so that the next try waits for as long as a good answer would have lasted.
		const before = service.knownSettings.get(key);
		return learn(service, key, before ?? { version: 0, value: SETTINGS[key].default }, before?.confirmed === true);
	}
}

function learn(service: Vars, key: SettingKey, { value, version }: SettingRead, confirmed = true): Known {
	const known = { value, version, confirmed, readAtMs: performance.now() };
	service.knownSettings.set(key, known);
	return known;
}
