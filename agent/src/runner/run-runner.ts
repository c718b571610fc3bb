// What every runner entry point does with its arguments and signals.
import type { Executors } from "../execute/executor.ts";
import { Runner } from "./runner.ts";

/** Starts a runner from the process's arguments `DATA_DIR NUMBER`. */
export async function runRunner(executors: Executors): Promise<void> {
  const [dataDir, number] = process.argv.slice(2);
  if (dataDir === undefined || number === undefined || !/^\d+$/.test(number)) {
    console.error("usage: runner DATA_DIR NUMBER");
    process.exit(64);
  }
  process.umask(0o022);
  // A runner outlives its agent and its terminal: only `leave` and SIGKILL end it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  await new Runner({ dataDir, number: Number(number), executors }).start();
}
