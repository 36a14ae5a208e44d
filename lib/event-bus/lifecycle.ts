import type { Service } from "moleculer";

type Hook<This> = (this: Service & This) => Promise<void> | void;

/**
 * Adds to a merged schema what starts after everything else of the service has started, and stops before anything else
 * stops. Moleculer starts mixins from the last in the list to the first and stops them the other way round, so
 * that a mixin's plain hooks would outlast the database that they work on.
 */
export function addOutermost<This>(schema: Record<string, unknown>, started: Hook<This>, stopped: Hook<This>): void {
	schema["started"] = [schema["started"] ?? [], started].flat();
	schema["stopped"] = [schema["stopped"] ?? [], stopped].flat();
}
