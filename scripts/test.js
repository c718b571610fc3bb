// `npm test [-- WORDS] [--full]`: prepares as `npm start` does, runs every check and test, and adds them up.
//  T1. The last line is `N passed, N failed, N skipped`, alone on its line, the sum of all parts.
//  T2. Exit code 1 on any failure and on a run that found nothing; a skipped test is named with its reason.
//  T3. Words filter: test files whose path has one of them, else tests whose name has it.
import { spawnSync } from "child_process";
import fs from "fs";
import os from "os";
import path from "path";
import { runChecks } from "./checks.js";
import { readNeeds } from "./needs.js";
import { environment, prepare, root } from "./prepare.js";

process.chdir(root);
const wanted = process.argv.slice(2);
const full = wanted.includes("--full");
const words = wanted.filter((word) => !word.startsWith("--"));
const unknown = wanted.find((word) => word.startsWith("--") && word !== "--full");
if (unknown) {
  process.stderr.write(`✗ unknown flag ${unknown}\n  npm test -- [WORD…]   npm run test:full\n`);
  process.exit(2);
}

const startedAt = Date.now();
const node = prepare({ console: words.length === 0 ? "now" : "no" });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "capstan-test-"));
const total = { passed: 0, failed: 0 };
/** @type {string[]} */
const skipped = [];
/** @type {string[]} */
const failures = [];

function add(part) {
  total.passed += part.passed;
  total.failed += part.failed;
  skipped.push(...part.skipped);
  failures.push(...part.failures);
}

/** Files among the tests whose path has one of the words; nothing where none has. */
function filesNamed() {
  const list = spawnSync(
    node,
    [path.join(root, "node_modules", "vitest", "vitest.mjs"), "list", "--filesOnly"].concat(words),
    {
      cwd: root,
      encoding: "utf8",
      env: environment(node, { CAPSTAN_TEST_TALLY: "" }),
    },
  );
  return list.stdout.split("\n").filter((line) => line.includes(".test."));
}

function vitest(name, projects, extra, env) {
  process.stderr.write(`\n── ${name} ──\n`);
  const tally = path.join(folder, `${name.replace(/\W+/g, "-")}.json`);
  const args = [path.join(root, "node_modules", "vitest", "vitest.mjs"), "run"]
    .concat(projects.map((project) => `--project=${project}`))
    .concat(extra);
  const result = spawnSync(node, args, {
    cwd: root,
    stdio: "inherit",
    env: environment(node, Object.assign({ CAPSTAN_TEST_TALLY: tally }, env)),
  });
  if (!fs.existsSync(tally)) {
    add({
      passed: 0,
      failed: 1,
      skipped: [],
      failures: [`${name}: the test runner ended with ${result.status} and no tally`],
    });
    return;
  }
  const part = JSON.parse(fs.readFileSync(tally, "utf8"));
  if (result.status !== 0 && part.failed === 0 && part.passed + part.skipped.length > 0) {
    part.failed = 1;
    part.failures = [`${name}: the test runner ended with ${result.status}`];
  }
  add(part);
}

try {
  if (words.length === 0 && !full) {
    process.stderr.write("── checks ──\n");
    add(runChecks(node));
  }
  const byName = words.length > 0 && filesNamed().length === 0;
  const filter = byName ? ["-t", words.join("|")] : words;
  const some = words.length > 0 ? filter.concat("--passWithNoTests") : [];
  // Tests that a name filter leaves out are not skipped tests.
  if (byName) process.env.CAPSTAN_TEST_BY_NAME = "1";
  if (full) {
    const found = readNeeds();
    for (const need of found.missing) {
      const line = `${need.suite}: needs ${need.name} (${need.how})`;
      // With CAPSTAN_TEST_REQUIRE=all, or a list of names, what is missing is a failure and no footnote.
      const required = (process.env.CAPSTAN_TEST_REQUIRE || "").split(",");
      if (required.includes("all") || required.includes(need.name)) {
        add({ passed: 0, failed: 1, skipped: [], failures: [line] });
      } else skipped.push(line);
    }
    if (found.postgres) vitest("db on another PostgreSQL", ["db"], some, { CAPSTAN_TEST_POSTGRES_BIN: found.postgres });
    vitest("full", ["full"], some, {});
  } else {
    vitest("unit", ["unit"], some);
    vitest("db", ["db"], some);
    vitest("simulation", ["simulation"], some);
    vitest("e2e", ["e2e"], some);
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

for (const line of skipped) process.stdout.write(`skipped: ${line}\n`);
for (const line of failures) process.stdout.write(`failed: ${line}\n`);
const ran = total.passed + total.failed;
if (ran === 0) process.stdout.write("nothing was run: that counts as a failure\n");
process.stdout.write(`in ${((Date.now() - startedAt) / 1000).toFixed(0)} s\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${skipped.length} skipped\n`);
process.exit(total.failed > 0 || ran === 0 ? 1 : 0);
