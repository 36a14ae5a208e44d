/** Values by key, of which only so many are remembered. */
export interface Recent<Value> {
	get(key: string): Value | undefined;
	set(key: string, value: Value): void;
	delete(key: string): void;
}

/** Remembers at most `max` values: the one unused longest makes room. */
export function recent<Value extends object>(max: number): Recent<Value> {
	// A map keeps the order of insertion, and what is used is inserted anew: the first entry is the one unused longest.
	const values = new Map<string, Value>();
	return {
		get(key) {
			const value = values.get(key);
			if (value) {
				values.delete(key);
				values.set(key, value);
			}
			return value;
		},
		set(key, value) {
			values.delete(key);
			if (values.size >= max) values.delete(values.keys().next().value as string);
			values.set(key, value);
		},
		delete: (key) => void values.delete(key),
	};
}
