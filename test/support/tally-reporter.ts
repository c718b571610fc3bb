// Counts what a run of Vitest did and writes it where `scripts/test.js` adds the runs up.
//  Y1. A file that could not be collected, and an error outside of a test, is a failure.
//  Y2. A skipped test keeps its name and its reason. One that a filter by name leaves out is not skipped.
import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

export interface Tally {
  passed: number;
  failed: number;
  readonly skipped: string[];
  readonly failures: string[];
}

const nameOf = (test: TestCase): string => `${test.module.relativeModuleId} › ${test.fullName}`;

/** The sum over all tests of a run. */
export function tallyOf(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Tally {
  const tally: Tally = { passed: 0, failed: 0, skipped: [], failures: [] };
  const fail = (text: string): void => {
    tally.failed += 1;
    tally.failures.push(text);
  };
  for (const module of modules) {
    for (const error of module.errors()) fail(`${module.relativeModuleId}: ${error.message}`);
    for (const suite of module.children.allSuites()) {
      for (const error of suite.errors()) fail(`${module.relativeModuleId} › ${suite.fullName}: ${error.message}`);
    }
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === "passed") tally.passed += 1;
      else if (result.state === "failed") fail(nameOf(test));
      else if (!process.env["CAPSTAN_TEST_BY_NAME"])
        tally.skipped.push(`${nameOf(test)}: ${(result.state === "skipped" && result.note) || "no reason given"}`);
    }
  }
  for (const error of unhandled) fail(`outside of any test: ${error.message}`);
  return tally;
}

export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tally = tallyOf(modules, unhandled);
    const place = process.env["CAPSTAN_TEST_TALLY"];
    if (place) writeFileSync(place, JSON.stringify(tally));
    // A plain line, so that whatever reads the output of this run alone finds its result.
    else console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped.length} skipped`);
  }
}
