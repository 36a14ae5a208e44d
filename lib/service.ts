import type {
	ActionParams,
	ActionSchema,
	CallingOptions,
	Context,
	Service,
	ServiceSchema,
	ServiceSettingSchema,
} from "moleculer";
import type { Envelope } from "../contracts/events.ts";
import type { AnyEvent, Events, Meta, Services } from "../contracts/index.ts";
import type { Tx } from "./db.ts";

/**
 * Who may call an action: `public` anybody, `user` whoever is logged in or shows an API key, `admin` a user with that
 * role, `auditor` one with that role or an admin, `internal` other services and joined nodes, never the gateway.
 */
export type Access = "public" | "user" | "admin" | "auditor" | "internal";

type ServiceName = keyof Services;
type Params<F> = F extends (params: infer P) => unknown ? P : never;
type Result<F> = F extends (...args: never) => infer R ? R : never;
export type ActionName = { [S in ServiceName]: `${S}.${keyof Services[S] & string}` }[ServiceName];
type ActionFn<N> = N extends `${infer S extends ServiceName}.${infer A}`
	? A extends keyof Services[S]
		? Services[S][A]
		: never
	: never;
/** What a call of a function of that shape is given: its parameters, if it has any, and options. */
export type CallArgs<F> = F extends () => unknown
	? [params?: undefined, opts?: CallingOptions]
	: [params: Params<F>, opts?: CallingOptions];

/** Calls an action; its name, parameters and result are checked against `contracts/`. */
export function call<N extends ActionName>(
	from: Pick<Context, "call">,
	action: N,
	...[params, opts]: CallArgs<ActionFn<N>>
): Promise<Result<ActionFn<N>>> {
	return from.call(action, params, opts);
}

/** Calls `<service>.<group>.<action>`, one of the actions that a mixin gives to services. */
export function callInternal<Api, A extends keyof Api & string>(
	from: Pick<Context, "call">,
	group: string,
	action: A,
	...[params, opts]: CallArgs<Api[A]>
): Promise<Result<Api[A]>> {
	return from.call(`${group}.${action}`, params, opts);
}

/** What a service of the form `This` does when each function of `Api` is called. */
type Handlers<Api, This> = {
	[A in keyof Api]: (service: This, params: Params<Api[A]>) => Result<Api[A]> | Promise<Result<Api[A]>>;
};

/** The actions `<group>.<name>` that a mixin adds to a service, for other services alone. */
export function internalActions<Api, This>(group: string, handlers: Handlers<Api, This>): Record<string, ActionSchema> {
	return Object.fromEntries(
		Object.entries(handlers).map(([name, handle]) => [
			`${group}.${name}`,
			{
				auth: "internal",
				handler(this: unknown, ctx: Context) {
					return (handle as (service: unknown, params: unknown) => unknown)(this, ctx.params);
				},
			},
		]),
	);
}

/** One rule for each parameter, no more and no fewer, so validator and type cannot drift apart. */
type Rules<P> = { [K in keyof P]-?: ActionParams[string] } & { $$strict?: boolean | "remove" };

type Action<F, This> = Omit<ActionSchema, "params" | "handler" | "auth"> & {
	auth: Access;
	handler(this: This, ctx: Context<Params<F>, Meta>): Result<F> | Promise<Result<F>>;
} & (F extends () => unknown ? { params?: never } : { params: Rules<Params<F>> });

/** Handles a run of events of one type, in order, in the transaction that also keeps their inbox rows. */
export type EventHandler<This, E extends keyof Events> = (
	this: This,
	tx: Tx,
	events: readonly Envelope<E, Events[E]>[],
) => Promise<void> | void;

/** The durable events that a service handles; see `mixins/consumer.mixin.ts`. */
export type Consumes<This> = { [E in keyof Events]?: EventHandler<This, E> } & {
	/** Takes every type that has no handler of its own. */
	"*"?: (this: This, tx: Tx, events: readonly AnyEvent[]) => Promise<void> | void;
};

type Lifecycle<This> = Pick<
	ServiceSchema<unknown, unknown, unknown, This>,
	"hooks" | "created" | "started" | "stopped"
> & {
	/** Runs on the merged schema before the service is made: the place for live objects, which a merge would copy. */
	merged?: (this: void, schema: Record<string, unknown>) => void;
};

/** A service whose actions are exactly those that `contracts/` promises under its name. */
export interface TypedService<
	N extends ServiceName,
	Settings = {},
	Adds = {},
	This = Service<Settings & ServiceSettingSchema> & Adds,
> extends Lifecycle<This> {
	name: N;
	settings?: Settings & ServiceSettingSchema;
	dependencies?: ServiceName[];
	mixins?: Partial<ServiceSchema>[];
	actions: { [A in keyof Services[N]]: Action<Services[N][A], This> };
	consumes?: Consumes<This>;
}

/** A mixin that must implement every method it promises to add. */
export function mixin<Methods extends object, Vars = {}, Settings = {}>(
	schema: Lifecycle<Service<Settings & ServiceSettingSchema> & Methods & Vars> &
		Omit<Partial<ServiceSchema>, "methods" | "settings" | "hooks" | "created" | "started" | "stopped"> & {
			settings?: Settings;
			methods: Methods & ThisType<Service<Settings & ServiceSettingSchema> & Methods & Vars>;
		},
): Partial<ServiceSchema> {
	return schema as unknown as Partial<ServiceSchema>;
}
