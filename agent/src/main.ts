// Entry point of the agent: `join URL` (token on standard input), `start`, `end` (what an agent that is gone has left),
// `logs ATTEMPT` and `file SHA256` (what may be read on this host alone).
// Exit codes: 0 ended in order, 64 wrong usage, 70 a fault of ours, 75 another agent is there, 78 configuration or identity.
import { parseArgs } from "node:util";
import { AppError, errorEntry } from "@capstan/proto";
import { pino } from "pino";
import { startAgent, type Agent } from "./agent.ts";
import { readConfig } from "./config.ts";
import { endRunners } from "./end.ts";
import { findPython } from "./execute/kind/index.ts";
import { join } from "./join.ts";
import { writeHeld, writeKeptFile, writeKeptLog } from "./read-kept.ts";
import { openLocalStore, storeFolder } from "./workspace/local-store.ts";

const usage =
  "usage: agent join URL [--name NAME] [--data DIR]   (join token on standard input)\n       agent start [--data DIR] [--server URL] [--name NAME]\n       agent end [--data DIR]\n       agent logs ATTEMPT [--data DIR]   (a log that stays on this host)\n       agent file SHA256 [--data DIR]    (a file that stays on this host)\n       agent held ATTEMPT [--data DIR]   (outputs that wait for an approver)";

function fail(error: unknown): never {
  if (error instanceof AppError) {
    console.error([`✗ ${error.message} (${error.code})`, errorEntry(error.code)?.do ?? ""].join("\n").trimEnd());
    process.exit(error.code === "agent_already_running" ? 75 : 78);
  }
  console.error(error);
  process.exit(70);
}

const readFlags = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { name: { type: "string" }, data: { type: "string" }, server: { type: "string" } },
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error(usage);
    process.exit(64);
  }
};

const { values, positionals } = readFlags();
const [command, url] = positionals;
try {
  const config = readConfig({
    env: process.env,
    flags: {
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values.data === undefined ? {} : { dataDir: values.data }),
      ...(values.server === undefined ? {} : { server: values.server }),
    },
  });
  if (command === "join" && url !== undefined) {
    const enrolled = await join(url, config, process.stdin);
    console.log(JSON.stringify({ event: "enrolled", name: config.name, ...enrolled }));
  } else if (command === "start" && url === undefined) {
    const logger = pino(
      { level: config.logLevel, base: { agent: config.name } },
      pino.destination({ dest: 2, sync: false }),
    );
    const python = await findPython(process.env["PATH"] ?? "", process.env["HOME"] ?? "/");
    const agent = await startAgent({
      config,
      env: process.env,
      python: python?.version.split(".").slice(0, 2).join("."),
      onReady: (welcome) => console.log(JSON.stringify({ event: "ready", agent: welcome.agent, name: welcome.name })),
      log: (text, detail) => logger.info(detail ?? {}, text),
    });
    obeySignals(agent);
    process.exit(await agent.ended);
  } else if (command === "end" && url === undefined) {
    await endRunners(config.dataDir);
  } else if ((command === "logs" || command === "file" || command === "held") && url !== undefined) {
    const store = openLocalStore(config.storeDir ?? storeFolder(config.dataDir));
    await { logs: writeKeptLog, file: writeKeptFile, held: writeHeld }[command](store, url, process.stdout);
  } else {
    console.error(usage);
    process.exit(64);
  }
} catch (error) {
  fail(error);
}

/** First SIGTERM or SIGINT: drain. Second: stop and give back. Third: leave, runners live on. */
function obeySignals(agent: Agent): void {
  let count = 0;
  const onSignal = (): void => {
    count++;
    if (count === 1) agent.drain();
    else if (count === 2) agent.stop();
    else agent.leave();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}
