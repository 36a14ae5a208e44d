import type net from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { BrokerOptions, ServiceBroker, ServiceSchema } from "moleculer";
import { createNode } from "../../cli/node.ts";
import { ACCESS_TOKEN } from "../../lib/access-token.ts";
import { httpClient, type Send } from "./http-client.ts";

/** The real gateway before services that do as they are told. */
export interface StubApi {
	readonly broker: ServiceBroker;
	readonly baseUrl: string;
	readonly send: Send;
	/** An access token for a user with these roles. */
	token(...roles: string[]): Promise<string>;
	/** Ends a session, as `auth` would. */
	readonly ended: string[];
	stop(): Promise<void>;
}

type Actions = Readonly<Record<string, Readonly<Record<string, NonNullable<ServiceSchema["actions"]>[string]>>>>;

/** Starts the gateway with `services`, and an `auth` that signs what it is asked to; `overrides` are of its broker. */
export async function startStubApi(services: Actions, overrides: BrokerOptions = {}): Promise<StubApi> {
	Object.assign(process.env, { HOST: "127.0.0.1", PORT: "0" });
	const keys = await generateKeyPair(ACCESS_TOKEN.algorithm, { extractable: true });
	const jwk = { ...(await exportJWK(keys.publicKey)), kid: "k1" };
	const ended: string[] = [];
	const auth = {
		jwks: { auth: "public", handler: () => ({ keys: [jwk] }) },
		revocations: {
			auth: "internal",
			handler: () => ({
				session_ids: [...ended],
				key_ids: [],
				signing_key_ids: ["k1"],
				as_of: new Date().toISOString(),
				next_cursor: null,
			}),
		},
	} as const;

	const broker = await createNode(["api"], { logger: false, ...overrides });
	for (const [name, actions] of Object.entries({ ...services, auth: { ...auth, ...services["auth"] } })) {
		broker.createService({ name, actions });
	}
	await broker.start();
	const gateway = broker.getLocalService("api") as unknown as { server: net.Server };
	const { port } = gateway.server.address() as net.AddressInfo;
	const baseUrl = `http://127.0.0.1:${port}`;
	return {
		broker,
		baseUrl,
		send: httpClient(baseUrl),
		ended,
		stop: () => broker.stop(),
		token: (...roles) =>
			new SignJWT({ sid: `s-${roles.join("-")}`, username: "ann", roles: ["trader", ...roles] })
				.setProtectedHeader({ alg: ACCESS_TOKEN.algorithm, kid: "k1", typ: ACCESS_TOKEN.type })
				.setIssuer(ACCESS_TOKEN.issuer)
				.setAudience(ACCESS_TOKEN.audience)
				.setSubject("u1")
				.setIssuedAt()
				.setExpirationTime("5m")
				.sign(keys.privateKey),
	};
}
