import base from "./jest.config.js";

/** @type {import("jest").Config} */
export default {
	...base,
	testMatch: ["<rootDir>/test/cluster/**/*.test.ts"],
	testPathIgnorePatterns: [],
	testTimeout: 120_000,
};
