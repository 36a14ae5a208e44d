import { pathParameters } from "../../../services/api/endpoint.ts";
import { ENDPOINTS } from "../../../services/api/endpoints.ts";

test("no route is there twice", () => {
	const routes = ENDPOINTS.map(({ method, path }) => `${method} ${path.replaceAll(/:\w+/g, ":")}`);
	expect(new Set(routes).size).toBe(routes.length);
	expect(routes.length).toBeGreaterThan(30);
});

test("what is got changes nothing and has no body", () => {
	expect(ENDPOINTS.filter(({ method, body, headers }) => method === "GET" && (body || headers))).toEqual([]);
});

test("no parameter has two places to come from", () => {
	for (const { path, query = {}, headers = {} } of ENDPOINTS) {
		const names = [...pathParameters(path), ...Object.keys(query), ...Object.values(headers)];
		expect(new Set(names).size).toBe(names.length);
	}
});
