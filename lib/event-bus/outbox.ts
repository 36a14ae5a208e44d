import type { Events } from "../../contracts/index.ts";

/** An event to be told, written in the transaction of the change that it tells of. */
export type Staged = {
	[E in keyof Events]: {
		readonly type: E;
		readonly aggregate_id: string;
		readonly aggregate_seq: number;
		readonly data: Events[E];
		readonly correlation_id: string;
		readonly causation_id?: string | null;
	};
}[keyof Events];
