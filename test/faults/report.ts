/** Seeds are 32 bits. */
export const MAX_SEED = 2 ** 32 - 1;

const MAX_SHOWN = 10;

/** The end of a report: `whenGood`, or what is wrong and where the `logs` are that tell of it. */
export function listed(offences: readonly string[], whenGood: string, logs: string | null): string[] {
	if (offences.length === 0) return [whenGood];
	const more = offences.length - MAX_SHOWN;
	return [
		`${offences.length} offences:`,
		...offences.slice(0, MAX_SHOWN).map((offence) => `  ${offence}`),
		...(more > 0 ? [`  and ${more} more`] : []),
		...(logs ? [`What the processes have said is in ${logs}`] : []),
	];
}
