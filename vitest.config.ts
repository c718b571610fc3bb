import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Files of unit and db share their worker's modules: reading these anew for each file took a third of the time. So a test
// file leaves nothing behind: no fake timers, no environment, no patched module.
// Tests run from the sources. Not by the condition `capstan-source`: the environment of a global set-up ignores it.
const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const alias = [
  { find: /^@capstan\/(proto|sdk|agent|control-plane)$/, replacement: source("$1/src/index.ts") },
  { find: "@capstan/sdk/testing", replacement: source("sdk/src/testing/index.ts") },
  { find: "@capstan/control-plane/engine", replacement: source("control-plane/src/engine/index.ts") },
];
const anywhere = ["proto", "sdk", "control-plane", "agent", "cli", "web"];
const never = ["**/node_modules/**", "**/dist/**", "**/.next/**"];

export default defineConfig({
  resolve: { alias },
  test: {
    reporters: [["default", { summary: false }], "./test/support/tally-reporter.ts"],
    // One core is left to the database, the processes under test, and whoever else works here.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            ...anywhere.map((name) => `${name}/**/*.test.{ts,tsx}`),
            "examples/**/*.test.ts",
            "test/*.test.ts",
            "test/support/*.test.ts",
          ],
          exclude: [...never, "**/*.db.test.ts"],
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: "db",
          include: [
            ...anywhere.map((name) => `${name}/**/*.db.test.ts`),
            "test/**/*.db.test.ts",
            "test/security/*.test.ts",
          ],
          exclude: never,
          isolate: false,
          globalSetup: ["./test/support/database-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: never,
          // Each file starts the whole product; two at once on two cores would only measure each other.
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          exclude: [...never, "**/*.db.test.ts"],
          fileParallelism: false,
          testTimeout: 600_000,
        },
      },
      {
        extends: true,
        test: {
          name: "full",
          include: ["test/full/**/*.test.ts"],
          exclude: never,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
