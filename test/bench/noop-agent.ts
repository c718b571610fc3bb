// An agent whose `run` actions end at once, inside the agent. Everything else is the product's: admission, journal with
// its fsync, reports, fences.
import { parseArgs } from "node:util";
import { readConfig, startAgent } from "@capstan/agent";

const { values } = parseArgs({ options: { data: { type: "string" } } });
const agent = await startAgent({
  config: readConfig({ env: process.env, flags: values.data === undefined ? {} : { dataDir: values.data } }),
  env: process.env,
  inlineExecutors: { run: () => ({ outcome: "succeeded" }) },
  onReady: () => console.log(JSON.stringify({ event: "ready" })),
});
let signals = 0;
process.on("SIGTERM", () => {
  signals += 1;
  if (signals === 1) agent.drain();
  else agent.stop();
});
process.exit(await agent.ended);
