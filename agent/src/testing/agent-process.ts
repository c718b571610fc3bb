// Entry point of an agent with script runners, for tests that kill it: `agent-process.ts DATA_DIR`.
import { startAgent } from "../agent.ts";
import { readConfig } from "../config.ts";

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) process.exit(64);
const agent = await startAgent({
  config: readConfig({ env: { ...process.env, CAPSTAN_AGENT__RUNNERS: "1" }, flags: { dataDir, name: "test" } }),
  env: process.env,
  runnerEntry: new URL("./script-runner.ts", import.meta.url),
  log: (text, detail) => console.error(text, JSON.stringify(detail ?? {})),
});
process.on("SIGTERM", () => agent.stop());
process.exit(await agent.ended);
