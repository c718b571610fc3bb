// Builds the console and makes `.next/standalone` complete: `node .next/standalone/web/server.js` serves everything.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { assemble } from "./assemble.mjs";

const web = fileURLToPath(new URL("..", import.meta.url));
const next = createRequire(import.meta.url).resolve("next/dist/bin/next");
const built = spawnSync(process.execPath, [next, "build"], {
  cwd: web,
  stdio: "inherit",
  env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" },
});
if (built.status !== 0) process.exit(built.status ?? 1);
assemble(web);
