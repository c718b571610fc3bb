// The property tests of what is simulated: plan, joins, retries, limits, fairness, groups, the cache, schedules and timers.
// What they hold for any values the simulator holds for any history.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface PropertiesResult {
  readonly files: number;
  readonly passed: number;
  readonly failed: number;
  readonly names: readonly string[];
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What vitest tells of its files. */
interface Told {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

export function runProperties(write: (text: string) => void): PropertiesResult {
  const folder = mkdtempSync(join(tmpdir(), "capstan-properties-"));
  const file = join(folder, "told.json");
  try {
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    const words = ["run", "--project=unit", "--reporter=json", `--outputFile=${file}`, ".property.test.ts"];
    spawnSync(process.execPath, [vitest, ...words], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
    const { testResults } = JSON.parse(readFileSync(file, "utf8")) as Told; // by its reporter
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.filter(({ status }) => status !== "passed");
    for (const { title } of failed) write(`✗ ${title}`);
    const result = {
      files: testResults.length,
      passed: tests.length - failed.length,
      failed: failed.length,
      names: tests.map(({ title }) => title).sort(),
    };
    write(`${result.files} files of property tests: ${result.passed} passed, ${result.failed} failed`);
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
