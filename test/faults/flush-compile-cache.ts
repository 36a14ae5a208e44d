import { flushCompileCache } from "node:module";

/** Longer than a program takes to load what it is made of, on a machine that is not too busy. */
const EVERY_MS = 2_000;

// Before a program that will be killed: by itself the cache is written at the end, which a kill does not wait for.
setInterval(flushCompileCache, EVERY_MS).unref();
