import type { Context, Service } from "moleculer";
import type { SettingInForce, SettingKey, SettingValue, SettingValues } from "../contracts/config.ts";
import { call, mixin } from "../lib/service.ts";
import { SETTINGS } from "../lib/settings.ts";

/** What a service that runs by settings has. */
export interface Settings {
	/** The value in force, at most 2 s old; while `config` cannot be reached the last one known, or else the default. */
	setting<K extends SettingKey>(key: K): Promise<SettingValues[K]>;
}

interface Known {
	readonly value: SettingValue;
	readonly version: number;
	readonly readAtMs: number;
}

interface Vars {
	knownSettings: Map<SettingKey, Known>;
	settingReads: Map<SettingKey, Promise<void>>;
}

const MAX_AGE_MS = 2_000;
/** Whoever asks is in the middle of a request and would rather go on with the last value. */
const READ_TIMEOUT_MS = 500;

/** Gives a service the runtime settings. It learns of a change by a hint at once, or by age when the hint was lost. */
export function settings() {
	return mixin<Settings, Vars>({
		methods: {
			async setting<K extends SettingKey>(key: K) {
				const known = this.knownSettings.get(key);
				if (!known || performance.now() - known.readAtMs > MAX_AGE_MS) await readOnce(this, key);
				return (this.knownSettings.get(key)?.value ?? SETTINGS[key].default) as SettingValues[K];
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

/** Requests that ask at the same time share one read. */
function readOnce(service: Service & Vars, key: SettingKey): Promise<void> {
	const running = service.settingReads.get(key) ?? read(service, key).finally(() => service.settingReads.delete(key));
	service.settingReads.set(key, running);
	return running;
}

async function read(service: Service & Vars, key: SettingKey): Promise<void> {
	try {
		learn(service, key, await call(service.broker, "config.value", { key }, { timeout: READ_TIMEOUT_MS }));
	} catch (error) {
		service.logger.warn(`Setting ${key} cannot be read and stays as it was`, error);
		// Kept as if read, so that the next try waits for as long as a good answer would have lasted.
		learn(service, key, service.knownSettings.get(key) ?? { version: 0, value: SETTINGS[key].default });
	}
}

function learn(service: Vars, key: SettingKey, { value, version }: Pick<Known, "value" | "version">): void {
	service.knownSettings.set(key, { value, version, readAtMs: performance.now() });
}
