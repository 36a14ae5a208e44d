/** Whether PostgreSQL can keep `text` as it is: neither NUL nor a lone surrogate. */
export function isStorable(text: string): boolean {
	return text.isWellFormed() && !text.includes("\0");
}
