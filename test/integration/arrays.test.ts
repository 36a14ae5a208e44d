import { randomUUID } from "node:crypto";
import type { Bind } from "../../lib/db.ts";
import { writeArray } from "../../lib/postgres/arrays.ts";
import { openOutput } from "../../lib/postgres/output.ts";
import { createDatabase, type TestDatabase } from "../support/databases.ts";
import { seeded } from "../support/random.ts";

type Values = Extract<Bind, readonly unknown[]>;

let database: TestDatabase;
beforeAll(async () => {
	database = await createDatabase();
});
afterAll(() => database.drop());

/** What the server reads in an array, and what it reads in the same values, each as a text of its own. */
async function bothReadings(type: string, values: Values): Promise<[array: unknown[], texts: unknown[]]> {
	const places = values.map((_, i) => `($${i + 1}::text::${type})`).join(", ");
	const [array, texts] = await Promise.all([
		database.db.query<{ v: unknown }>(`SELECT unnest($1::${type}[])::text AS v`, [values]),
		values.length === 0
			? []
			: database.db.query<{ v: unknown }>(`SELECT v::text FROM (VALUES ${places}) AS t (v)`, values),
	]);
	return [array.map(({ v }) => v), texts.map(({ v }) => v)];
}

function isBinary(type: string, values: Values): boolean {
	return writeArray(openOutput(), type, values);
}

const random = seeded(7);
const digits = (most: number) =>
	Array.from({ length: 1 + Math.floor(random() * most) }, () => Math.floor(random() * 10)).join("");
const decimals = Array.from({ length: 500 }, () => {
	const sign = random() < 0.3 ? "-" : "";
	return random() < 0.3 ? `${sign}${digits(20)}` : `${sign}${digits(20)}.${digits(20)}`;
});

test.each<[type: string, values: Values]>([
	["boolean", [true, false, null]],
	["smallint", [0, 1, -1, 32_767, -32_767, null]],
	["integer", [0, 1, -1, 2_147_483_647, -2_147_483_647, null]],
	["bigint", [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, "999999999999999999", "-17", null]],
	["numeric", ["0", "0.00", "-0", "1", "-1.5", "0.00000001", "10000", "100000000", "12345.6789", "0.00010000", null]],
	["numeric", decimals],
	["numeric", [0, 1, -25, 0.5]],
	["text", ["", "plain", 'quotes " and \\ and {braces, commas}', "NULL", "naïve ✓ 𝔘", " ", null, 7, true]],
	["text", ["x".repeat(300_000), "✓".repeat(70_000)]],
	["json", ['{"a": "b\\"c", "n": [1, 2, null]}', "null", null]],
	["jsonb", ['{"a":  1, "a": 2}', "[]", null]],
	["timestamptz", ["2026-11-28T05:06:07.089Z", "1999-12-31T23:59:59.999Z", "1969-01-01T00:00:00.000Z", null]],
	["uuid", [randomUUID(), randomUUID().toUpperCase(), "00000000-0000-0000-0000-000000000000", null]],
	["text", []],
	["uuid", [null]],
])("an array of %s goes over in binary form and is what its texts are", async (type, values) => {
	expect(isBinary(type, values)).toBe(true);
	const [array, texts] = await bothReadings(type, values);
	expect(array).toEqual(texts);
	expect(array).toHaveLength(values.length);
});

test.each<[type: string, values: Values]>([
	["numeric", ["1", "NaN"]],
	["numeric", ["1e3", "Infinity", "-Infinity", ".5", "5."]],
	["numeric", [`1${"0".repeat(200)}`]],
	["bigint", ["9223372036854775807", "-9223372036854775808", " 8 "]],
	["integer", ["12", -2_147_483_648]],
	["timestamptz", ["infinity", "2026-11-28T05:06:07.123456Z", "2026-11-28 05:06+01"]],
	["uuid", ["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11"]],
	["boolean", ["yes", "f"]],
	["date", ["2026-11-28", null]],
])("an array of %s with values of another form goes over as text: %j", async (type, values) => {
	expect(isBinary(type, values)).toBe(false);
	const [array, texts] = await bothReadings(type, values);
	expect(array).toEqual(texts);
});

test.each<[type: string, value: string | number, state: string]>([
	["uuid", "no uuid", "22P02"],
	["bigint", 1.5, "22P02"],
	["smallint", 40_000, "22003"],
	["timestamptz", "2026-13-01T00:00:00.000Z", "22008"],
	["json", "{", "22P02"],
	["text", "a\0b", "22021"],
])("what is no %s is refused by the server: %j", async (type, value, state) => {
	await expect(database.db.query(`SELECT $1::${type}[]`, [[value]])).rejects.toMatchObject({ code: state });
});

test("parameters that are no arrays, and arrays of no stated type, are as before", async () => {
	const at = new Date("2026-11-28T05:06:07.089Z");
	const [row] = await database.db.query(
		`SELECT $1::text AS text, $2::integer AS whole, $3::boolean AS truth, $4::timestamptz AS at, $5::text AS nothing,
			3 = ANY ($6) AS among, $7::numeric AS amount`,
		["é", 4, true, at, null, [1, 2, 3], "1.50"],
	);
	expect(row).toEqual({ text: "é", whole: 4, truth: true, at, nothing: null, among: true, amount: "1.50" });
});

test("what is not there at all is NULL, as it is to the driver", async () => {
	const values = ["a", undefined, null] as string[];
	const rows = await database.db.query("SELECT unnest($1::text[]) AS v", [values]);
	expect(rows).toEqual([{ v: "a" }, { v: null }, { v: null }]);
});

test("a statement with more bytes than an output begins with, and the next one, arrive whole", async () => {
	const texts = Array.from({ length: 40 }, (_, i) => String(i).repeat(50_000));
	const sent = await database.db.transaction((tx) =>
		Promise.all([
			tx.query<{ bytes: string }>("SELECT sum(length(t)) AS bytes FROM unnest($1::text[]) AS t", [texts]),
			tx.query<{ v: string }>("SELECT unnest($1::text[]) AS v", [["after"]]),
		]),
	);
	expect(sent).toEqual([[{ bytes: String(texts.join("").length) }], [{ v: "after" }]]);
});
