import { defineConfig } from "vitest/config";

export default defineConfig({
  // The package's own name, as the examples import it: its sources, as everywhere else in the tests.
  resolve: {
    alias: {
      "kvorum/client": new URL("src/client/index.ts", import.meta.url).pathname,
      kvorum: new URL("src/index.ts", import.meta.url).pathname,
    },
  },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
