// Starts, says so on standard output, drains on SIGTERM. Flags: --stdin-lifetime ends the process with its parent.
import "./harden.ts";
import "reflect-metadata";
import { readFileSync } from "node:fs";
import { AppError, errorEntry } from "@capstan/proto";
import { readConfig } from "./config.ts";
import { startServer, type Server } from "./server.ts";
import { createLog } from "./telemetry/log.ts";

const drainMs = 30_000;
/** Configuration that cannot work: starting again would not help. */
const exitMisconfigured = 78;

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

const versionText: { readonly version: string } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog({ level: config.logLevel, format: config.logFormat });
  const stopping = new AbortController();
  const running: { server?: Server } = {};
  const stop = (why: string): void => {
    if (stopping.signal.aborted) process.exit(1);
    stopping.abort();
    log.info({ component: "start", why }, "stopping");
    const hard = setTimeout(() => process.exit(1), drainMs);
    hard.unref();
    void (running.server?.close() ?? Promise.resolve()).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ component: "start", err: error }, "could not stop in order");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("unhandledRejection", (error) => log.error({ component: "start", err: error }, "unhandled rejection"));
  if (process.argv.includes("--stdin-lifetime")) {
    process.stdin.on("end", () => stop("parent ended")).on("error", () => stop("parent ended"));
    process.stdin.resume();
  }
  const server = await startServer({ config, log, version: versionText.version, signal: stopping.signal });
  running.server = server;
  log.info({ component: "start", url: server.url }, "ready");
  say({ event: "ready", url: server.url });
}

main().catch((error: unknown) => {
  if (error instanceof AppError) {
    say({ event: "failed", code: error.code, detail: error.message, do: errorEntry(error.code)?.do });
    process.stderr.write(`${error.message} (${error.code})\n`);
    process.exit(error.code === "address_in_use" || error.code === "unavailable" ? 1 : exitMisconfigured);
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  say({ event: "failed", code: "internal", detail: error instanceof Error ? error.message : String(error) });
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
