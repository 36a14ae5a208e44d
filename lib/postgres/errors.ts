import { types } from "node:util";
import { ConnectionAcquireTimeoutError, ConnectionError } from "sequelize";
import { refuse } from "../refuse.ts";

interface DriverError extends Error {
	readonly code?: string;
	readonly constraint?: string;
}

/** "cached plan must not change result type": a migration has changed a table under a prepared statement. */
export const OUTDATED_STATEMENT = "0A000";

/** serialization_failure, deadlock_detected, lock_not_available: the transaction did nothing and may be run again. */
const RACED_STATES: ReadonlySet<string> = new Set(["40001", "40P01", "55P03", OUTDATED_STATEMENT]);

/** Why a connection may be refused for good: its role is not there, or the user is no member of it. */
const WRONG_ROLE: ReadonlySet<string> = new Set(["22023", "42501"]);

/** SQLSTATEs that mean the server cannot serve now: connection (08), resources (53), shut down or starting (57P). */
const UNAVAILABLE = /^(?:08|53|57P)/;
/** Of these the server says that the statement has failed, and the transaction with it. */
const RESOURCES = /^53/;
const SQL_STATE = /^[0-9A-Z]{5}$/;
const CONNECTION_CODES: ReadonlySet<string> = new Set([
	"ECONNRESET",
	"ECONNREFUSED",
	"EPIPE",
	"ETIMEDOUT",
	"EHOSTUNREACH",
]);

/** The name of the constraint that `error` broke, or undefined. */
export function brokenConstraint(error: unknown): string | undefined {
	return driverError(error)?.constraint;
}

/** PostgreSQL's five characters such as `23505` for a duplicate key, or Node's `ECONNRESET` and its like. */
export function sqlStateOf(error: unknown): string | undefined {
	return driverError(error)?.code;
}

/** Whether `error` says that a transaction has changed nothing because of others at the same time. */
export function isRaced(error: unknown): boolean {
	return RACED_STATES.has(sqlStateOf(error) ?? "");
}

/** Whether `error` says that the server cannot serve now, or has no room: soon it may. */
export function isAway(error: unknown): boolean {
	const driver = driverError(error);
	return driver !== undefined && (isConnectionError(driver) || UNAVAILABLE.test(driver.code ?? ""));
}

/** Whether `error` ended the connection, so that it tells nothing of what had been sent last. */
export function isLost(error: unknown): boolean {
	return isAway(error) && !RESOURCES.test(sqlStateOf(error) ?? "");
}

/** `SERVICE_UNAVAILABLE` for an error that says that the server cannot be reached; others as they are. */
export function asUnavailable(error: unknown): unknown {
	return isUnavailable(error) ? refuse("SERVICE_UNAVAILABLE", "The database cannot be reached") : error;
}

function isUnavailable(error: unknown): boolean {
	if (error instanceof ConnectionAcquireTimeoutError) return true;
	if (error instanceof ConnectionError) return !WRONG_ROLE.has(sqlStateOf(error) ?? "");
	return isAway(error);
}

/** The driver's error: as it is from a transaction, wrapped by Sequelize from elsewhere. */
function driverError(error: unknown): DriverError | undefined {
	const inner = types.isNativeError(error) && "parent" in error ? error.parent : error;
	if (!types.isNativeError(inner)) return undefined;
	return SQL_STATE.test(String((inner as DriverError).code)) || isConnectionError(inner) ? inner : undefined;
}

/** The server always gives a state: an error without one is the connection's own, for which the driver has no class. */
function isConnectionError(error: DriverError): boolean {
	if (error.code !== undefined) return CONNECTION_CODES.has(error.code);
	return /^Connection terminated|not queryable|^Client was closed/.test(error.message);
}
