import { dashboardJson } from "./grafana/dashboard.ts";
import { DASHBOARDS } from "./grafana/dashboards.ts";
import { kubernetesYaml } from "./kubernetes/index.ts";

/** What is made by `npm run generate` and kept with the code: text by file, from the top of the repository. */
export function generatedFiles(): Readonly<Record<string, string>> {
	const dashboards = DASHBOARDS.map((dashboard) => [
		`monitoring/grafana/dashboards/${dashboard.name}.json`,
		dashboardJson(dashboard),
	]);
	return { "k8s.yaml": kubernetesYaml(), ...Object.fromEntries(dashboards) };
}
