import type { ServerResponse } from "node:http";
import { refuse } from "../../lib/refuse.ts";

/** Places for answers that are streamed. */
export interface StreamSlots {
	/** Keeps a place until the response is over, however it ends. Refuses `CAPACITY_EXCEEDED` when all are taken. */
	take(response: ServerResponse): void;
}

/** `count` places. */
export function streamSlots(count: number): StreamSlots {
	let free = count;
	return {
		take(response) {
			// One that is over already would never give its place back.
			if (free === 0 || response.destroyed) throw refuse("CAPACITY_EXCEEDED", "Too many exports are under way");
			free -= 1;
			response.once("close", () => {
				free += 1;
			});
		},
	};
}
