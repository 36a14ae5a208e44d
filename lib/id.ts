import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

const BYTES = 16;
/** Random bytes are drawn for so many ids at once: drawing them costs more than all else. */
const DRAWN = 512;

const random = new Uint8Array(DRAWN * BYTES);
let used = random.length;
let lastMs = 0;
let sequence = 0;

/** A new id (UUIDv7, RFC 9562). Those of one process sort in the order in which they were made. */
export function newId(): string {
	if (used === random.length) {
		randomFillSync(random);
		used = 0;
	}
	const bytes = random.subarray(used, (used += BYTES));
	const now = Date.now();
	if (now > lastMs) {
		lastMs = now;
		// With room for as many more as a millisecond could ever see.
		sequence = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) >>> 1;
	} else {
		sequence += 1;
	}
	return v7({ random: bytes, msecs: lastMs, seq: sequence });
}
