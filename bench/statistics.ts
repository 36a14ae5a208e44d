/** The middle of some values, or the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

/** What so large a share of some values lies below, from 0 for the least to 1 for the greatest. */
export function percentilesOf(values: Iterable<number>): (share: number) => number {
	const sorted = Float64Array.from(values).sort();
	return (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
