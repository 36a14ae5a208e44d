import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { generatedFiles } from "./generated.ts";

const ROOT = path.join(import.meta.dirname, "..");

for (const [name, text] of Object.entries(generatedFiles())) {
	const file = path.join(ROOT, name);
	mkdirSync(path.dirname(file), { recursive: true });
	writeFileSync(file, text);
}
