/** Bytes on their way to the server; integers are big-endian, texts are UTF-8. */
export interface Output {
	/** How many bytes there are. */
	length(): number;
	int8(value: number): void;
	int16(value: number): void;
	int32(value: number): void;
	int64(value: bigint): void;
	/** Writes over what is at `position`. */
	setInt16(position: number, value: number): void;
	setInt32(position: number, value: number): void;
	text(text: string): void;
	/** Two hexadecimal digits are a byte. */
	hex(digits: string): void;
	/** Forgets what comes behind `position`. */
	cut(position: number): void;
	/** Gives the bytes and begins anew. */
	take(): Buffer;
}

/** Has the four bytes at `start` say how many have been written behind them. */
export function setLengthBehind(out: Output, start: number): void {
	out.setInt32(start, out.length() - start - Int32Array.BYTES_PER_ELEMENT);
}

/** Most groups of statements fit into it. */
const USUAL_BYTES = 64 * 1024;
/** What was needed for an unusual one is given back. */
const MAX_KEPT_BYTES = 1024 * 1024;
const MAX_BYTES_OF_CHARACTER = 3;

/** An empty output. Its memory is used again: only what is taken is copied. */
export function openOutput(): Output {
	let bytes = Buffer.allocUnsafe(USUAL_BYTES);
	let end = 0;

	function reserve(count: number): number {
		if (end + count > bytes.length) {
			const larger = Buffer.allocUnsafe(2 * bytes.length + count);
			bytes.copy(larger, 0, 0, end);
			bytes = larger;
		}
		return end;
	}

	return {
		length: () => end,
		int8(value) {
			const at = reserve(1);
			end = bytes.writeInt8(value, at);
		},
		int16(value) {
			const at = reserve(2);
			end = bytes.writeInt16BE(value, at);
		},
		int32(value) {
			const at = reserve(4);
			end = bytes.writeInt32BE(value, at);
		},
		int64(value) {
			const at = reserve(8);
			end = bytes.writeBigInt64BE(value, at);
		},
		setInt16(position, value) {
			bytes.writeInt16BE(value, position);
		},
		setInt32(position, value) {
			bytes.writeInt32BE(value, position);
		},
		text(text) {
			const at = reserve(MAX_BYTES_OF_CHARACTER * text.length);
			end += bytes.write(text, at, "utf8");
		},
		hex(digits) {
			const at = reserve(digits.length >> 1);
			end += bytes.write(digits, at, "hex");
		},
		cut(position) {
			end = position;
		},
		take() {
			const taken = Buffer.from(bytes.subarray(0, end));
			if (bytes.length > MAX_KEPT_BYTES) bytes = Buffer.allocUnsafe(USUAL_BYTES);
			end = 0;
			return taken;
		},
	};
}
