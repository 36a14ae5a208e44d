import base from "./jest.config.js";

/** Those that ask for no more than the outside sees, be it by HTTP or by calls. */
const END_TO_END = [
	"api-keys",
	"audit",
	"audit-denials",
	"audit-export",
	"auth",
	"brackets",
	"expiry",
	"halt",
	"halt-requests",
	"idempotency",
	"notifications",
	"oco",
	"order-replaces",
	"order-types",
	"orders",
	"rate-limits",
	"replay",
	"risk",
	"routes",
	"routes-orders",
	"trading",
	"users",
];

/** @type {import("jest").Config} */
export default {
	...base,
	globalSetup: "<rootDir>/test/support/cluster-setup.ts",
	testMatch: END_TO_END.map((name) => `<rootDir>/test/integration/${name}.test.ts`),
	// Each file starts up to fifteen processes.
	maxWorkers: 1,
	testTimeout: 120_000,
};
