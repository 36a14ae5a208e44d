import { usageError } from "./run.ts";

/** The value of an option that takes a positive number. */
export function positive(name: string, text: string): number {
	const value = Number(text);
	if (!(value > 0) || !Number.isFinite(value)) throw usageError(`${name} must be a positive number, not '${text}'`);
	return value;
}

/** The value of an option that takes a whole number from `min` to `max`. */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
	const value = Number(text);
	if (!/^\d+$/.test(text) || value < min || value > max) {
		throw usageError(`${name} must be a whole number from ${min} to ${max}, not '${text}'`);
	}
	return value;
}
