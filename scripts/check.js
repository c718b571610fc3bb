// `npm run check`: what a change must pass before anything else is looked at; under a minute.
import { spawnSync } from "child_process";
import path from "path";
import { runChecks } from "./checks.js";
import { environment, prepare, root } from "./prepare.js";

process.chdir(root);
const node = prepare({ console: "no" });
const result = runChecks(node);
const unit = spawnSync(node, [path.join(root, "node_modules", "vitest", "vitest.mjs"), "run", "--project=unit"], {
  cwd: root,
  stdio: "inherit",
  env: environment(node),
});
const failures = result.failures.concat(unit.status === 0 ? [] : ["unit tests"]);
process.stdout.write(failures.length === 0 ? "everything passed\n" : `failed: ${failures.join(", ")}\n`);
process.exit(failures.length === 0 ? 0 : 1);
