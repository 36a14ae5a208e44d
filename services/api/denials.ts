import { type Context, Errors } from "moleculer";
import type { SecurityRecord } from "../../contracts/audit.ts";
import type { Meta } from "../../contracts/index.ts";
import { newId } from "../../lib/id.ts";
import type { Request } from "./gateway.ts";
import { showsCredential } from "./identity.ts";
import { MAX_NOTED_PATH_LENGTH } from "./limits.ts";

/** What of a request a denial is made of. */
export type Denied = Pick<Request, "method" | "headers" | "parsedUrl"> & {
	readonly $alias?: { readonly endpoint?: { readonly action: string } };
	readonly $ctx?: Pick<Context<unknown, Meta>, "id" | "requestID" | "meta">;
};

/** Told by `auth` itself, by an event. */
const TOLD_BY_EVENT = "auth.login";
/** It takes a credential that is not in the headers. */
const REFRESH = "auth.refresh";

/** Refusals of whoever is known, for what he may not do. */
const FORBIDDEN: ReadonlySet<string> = new Set(["FORBIDDEN", "USER_SUSPENDED"]);

/**
 * The record of a refusal that an auditor must see, or null: of a credential that is not good, of what the caller may
 * not do, of what is somebody else's. A request that shows no credential at all is none.
 */
export function denialOf(error: unknown, request: Denied): SecurityRecord | null {
	const { $ctx: ctx, $alias: alias, method = "", headers } = request;
	const action = alias?.endpoint?.action;
	if (!ctx || !action || action === TOLD_BY_EVENT || !(error instanceof Errors.MoleculerError)) return null;
	const { type, code } = error;
	const { foreign, user_id } = (error.data ?? {}) as { readonly foreign?: string; readonly user_id?: string };
	const isDenial =
		FORBIDDEN.has(type) ||
		(code === 401 && (action === REFRESH || showsCredential(headers))) ||
		(type === "NOT_FOUND" && foreign !== undefined);
	if (!isDenial) return null;
	const { client, user } = ctx.meta;
	const path = printable(request.parsedUrl);
	return {
		event_id: newId(),
		time: new Date().toISOString(),
		user_id: user?.user_id ?? user_id ?? null,
		action,
		object: foreign ?? path,
		ip: client?.ip || null,
		result: type,
		request_id: ctx.requestID ?? ctx.id,
		details: { method, path, user_agent: client?.user_agent ?? "" },
	};
}

/** What a client may have put into an address in place of text. */
function printable(path: string): string {
	return path.replaceAll(/[^\x21-\x7e]/g, encodeURIComponent).slice(0, MAX_NOTED_PATH_LENGTH);
}
