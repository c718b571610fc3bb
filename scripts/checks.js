// The checks that need no running product: format, lint and import boundaries, types, dead code, generated files.
// Each counts as one in the sum of `npm test`; `npm run check` runs them and the unit tests.
import { spawnSync } from "child_process";
import path from "path";
import { environment, root } from "./prepare.js";

const tool = (...parts) => path.join(root, "node_modules", ...parts);

/** Name, and the command on Node 24. The order is from cheap to dear. */
const checks = [
  ["format", [tool("oxfmt", "bin", "oxfmt"), "--check", "."]],
  ["lock file complete", [path.join(root, "scripts", "complete-lock.js"), "--check"]],
  ["generated files unchanged", ["--conditions=capstan-source", path.join(root, "scripts", "generate.js"), "--check"]],
  [
    "lint and boundaries",
    [tool("oxlint", "bin", "oxlint"), "--type-aware", "--disable-nested-config", "--deny-warnings", "."],
  ],
  ["types of the packages", [tool("typescript", "bin", "tsc"), "-b"]],
  ["types of the tests", [tool("typescript", "bin", "tsc"), "-p", "test"]],
  ["types of the console", [tool("typescript", "bin", "tsc"), "-p", "web", "--noEmit"]],
  ["dead code", [tool("knip", "bin", "knip.js"), "--no-progress"]],
];

/** Runs all checks, prints a line for each and the output of those that fail. */
export function runChecks(node) {
  const failures = [];
  for (const [name, command] of checks) {
    const startedAt = Date.now();
    const result = spawnSync(node, command, {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      env: environment(node, { NO_COLOR: "1" }),
    });
    const ok = result.status === 0;
    process.stderr.write(`${ok ? "✓" : "✗"} ${name.padEnd(26)} ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
    if (!ok) {
      process.stderr.write(`${result.stdout}${result.stderr}${result.error ? `${result.error.message}\n` : ""}`);
      failures.push(name);
    }
  }
  return { passed: checks.length - failures.length, failed: failures.length, skipped: [], failures };
}
