/** @type {import("jest").Config} */
export default {
	// Node strips the types itself.
	transform: {},
	extensionsToTreatAsEsm: [".ts"],
	testMatch: ["<rootDir>/test/**/*.test.ts"],
	testPathIgnorePatterns: ["/test/cluster/"],
	globalSetup: "<rootDir>/test/support/global-setup.ts",
	globalTeardown: "<rootDir>/test/support/global-teardown.ts",
	setupFiles: ["<rootDir>/test/support/address-guard.ts"],
	// Services start, and a loaded machine is slow: a test that takes longer hangs.
	testTimeout: 30_000,
};
