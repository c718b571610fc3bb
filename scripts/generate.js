// `npm run generate` writes docs/reference/ from the code; with --check it only says what would change, and exits 1.
// It reads the sources (condition `capstan-source`), so it needs Node 24 and no build.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cliPage } from "./reference/cli.js";
import { errorsPage } from "./reference/errors.js";
import { contractLines } from "../control-plane/src/http/contract-lines.ts";
import { openApi } from "./reference/openapi.js";
import { routesPage } from "./reference/routes.js";
import { specPage } from "./reference/spec.js";
import { statesPage } from "./reference/states.js";
import { workflowSchema } from "./reference/workflow-schema.js";

const folder = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), "docs", "reference");
const asJson = (value) => `${JSON.stringify(value, null, 2)}\n`;

/** What v1 has promised once stands for ever: what the code says now is only added (a test looks for what is gone). */
const promised = () => {
  const file = path.join(folder, "contract-v1.txt");
  const before = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  const lines = new Set([...before, ...contractLines(openApi())]);
  return `${[...lines].sort((a, b) => (a < b ? -1 : 1)).join("\n")}\n`;
};

const pages = {
  "contract-v1.txt": promised(),
  "cli.md": cliPage(),
  "errors.md": errorsPage(),
  "openapi.json": asJson(openApi()),
  "routes.md": routesPage(),
  "spec.md": specPage(workflowSchema),
  "states.md": statesPage(),
  "workflow-v1.json": asJson(workflowSchema),
};

const current = (name) =>
  existsSync(path.join(folder, name)) ? readFileSync(path.join(folder, name), "utf8") : undefined;
const changed = Object.keys(pages).filter((name) => current(name) !== pages[name]);
const extra = existsSync(folder) ? readdirSync(folder).filter((name) => !(name in pages)) : [];

if (process.argv.includes("--check")) {
  for (const name of changed) process.stdout.write(`docs/reference/${name} is not what the code says\n`);
  for (const name of extra) process.stdout.write(`docs/reference/${name} is made from nothing\n`);
  if (changed.length + extra.length > 0) {
    process.stdout.write("npm run generate\n");
    process.exit(1);
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of changed) writeFileSync(path.join(folder, name), pages[name]);
  for (const name of extra) rmSync(path.join(folder, name));
  process.stdout.write(`${changed.length} of ${Object.keys(pages).length} files written to docs/reference\n`);
}
