import { type Finding, verify } from "../../cli/verify/run.ts";
import { env } from "../../lib/env.ts";

/** Expects every invariant to hold in the databases that the environment names; gives the ids of all of them. */
export async function verifiedInvariants(): Promise<readonly string[]> {
	const findings: Finding[] = [];
	await verify(env().databaseUrl, (finding) => void findings.push(finding));
	expect(findings.flatMap(({ id, offences }) => offences.map((offence) => `${id}: ${offence}`))).toEqual([]);
	return findings.map(({ id }) => id);
}
