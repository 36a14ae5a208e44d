import { kubernetesYaml } from "./kubernetes/index.ts";

/** What is made by `npm run generate` and kept with the code: text by file, from the top of the repository. */
export function generatedFiles(): Readonly<Record<string, string>> {
	return { "k8s.yaml": kubernetesYaml() };
}
