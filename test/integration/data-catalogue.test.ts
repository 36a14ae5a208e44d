import { type Service, ServiceBroker } from "moleculer";
import { DataTypes, Op } from "sequelize";
import { openDb } from "../../lib/db.ts";
import { mixin } from "../../lib/service.ts";
import { type Catalogue, catalogue } from "../../mixins/catalogue.mixin.ts";
import type { Database } from "../../mixins/database.mixin.ts";
import { createDatabase, type TestDatabase, withoutDatabase } from "../support/databases.ts";

interface City {
	readonly name: string;
	readonly people: number;
}

let database: TestDatabase;
let broker: ServiceBroker;
let cities: Service & Catalogue<City>;

beforeAll(async () => {
	database = await createDatabase();
	await database.db.query("CREATE TABLE cities (name text PRIMARY KEY, people integer NOT NULL, secret text NOT NULL)");
	await database.db.query(
		"INSERT INTO cities VALUES ('Aachen', 250, 's'), ('Bonn', 330, 's'), ('Celle', 70, 's'), ('Dessau', 80, 's')",
	);
	broker = new ServiceBroker({ logger: false });
	cities = broker.createService({ name: "cities", mixins: [pool(), cityCatalogue()] }) as Service & Catalogue<City>;
	await broker.start();
});

afterAll(async () => {
	await broker.stop();
	await database.drop();
});

/** The database mixin without migrations. */
function pool() {
	return mixin<{}, { db: Database["db"] }>({
		methods: {},
		created() {
			this.db = openDb(database.url, { applicationName: "cities", poolSize: 2 });
		},
		async stopped() {
			await this.db.close();
		},
	});
}

function cityCatalogue() {
	return catalogue<City>({
		model: (sequelize) =>
			sequelize.define(
				"city",
				{ name: { type: DataTypes.TEXT, primaryKey: true }, people: DataTypes.INTEGER, secret: DataTypes.TEXT },
				{ tableName: "cities", timestamps: false },
			),
		idField: "name",
		fields: ["name", "people"],
		maxLimit: 3,
	});
}

test("rows show the fields that were named and no other", async () => {
	expect(await cities._get(null, { id: "Bonn" })).toEqual({ name: "Bonn", people: 330 });
	expect(await cities._find(null, { query: { name: "Celle" } })).toEqual([{ name: "Celle", people: 70 }]);
});

test("what is not there is not found", async () => {
	await expect(cities._get(null, { id: "Essen" })).rejects.toMatchObject({ code: 404, type: "NOT_FOUND" });
	await expect(cities._get(null, { id: "' OR true --" })).rejects.toMatchObject({ code: 404 });
	expect(await cities._find(null, { query: { name: "Essen" } })).toEqual([]);
});

test("rows are filtered, sorted and paged", async () => {
	const names = async (...args: Parameters<Catalogue<City>["_find"]>) =>
		(await cities._find(...args)).map((city) => city.name);
	expect(await names(null, { sort: ["-people"], limit: 2 })).toEqual(["Bonn", "Aachen"]);
	expect(await names(null, { sort: ["people"], limit: 2, offset: 1 })).toEqual(["Dessau", "Aachen"]);
	expect(await names(null, { sort: ["name"], query: { name: { [Op.gt]: "Bonn" } } })).toEqual(["Celle", "Dessau"]);
});

test.each([
	[undefined, 3],
	[4, 3],
	[1_000_000, 3],
	[Number.POSITIVE_INFINITY, 3],
	[0, 1],
	[-1, 1],
])("a read asked for %s rows of 4 gives %i", async (limit, expected) => {
	const asked = limit === undefined ? {} : { limit };
	expect(await cities._find(null, { sort: ["name"], ...asked })).toHaveLength(expected);
});

test("rows are counted", async () => {
	expect(await cities._count(null)).toBe(4);
	expect(await cities._count(null, { query: { people: { [Op.lt]: 100 } } })).toBe(2);
});

test("none of moleculer-db's actions is there", () => {
	expect(broker.registry.getActionList({ skipInternal: true })).toEqual([]);
});

test("a database that is away is told as 503, and read again once it is back", async () => {
	await withoutDatabase(new URL(database.url).pathname.slice(1), async () => {
		for (let i = 0; i < 3; i++)
			await expect(cities._get(null, { id: "Bonn" })).rejects.toMatchObject({ code: 503, type: "SERVICE_UNAVAILABLE" });
	});
	expect(await cities._get(null, { id: "Bonn" })).toEqual({ name: "Bonn", people: 330 });
});
