import base from "./jest.config.js";

/** @type {import("jest").Config} */
export default {
	...base,
	globalSetup: "<rootDir>/test/support/cluster-setup.ts",
	testMatch: ["<rootDir>/test/integration/**/*.test.ts"],
	// Each file starts up to fifteen processes.
	maxWorkers: 1,
	testTimeout: 120_000,
};
