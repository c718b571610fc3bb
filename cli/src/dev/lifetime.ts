// Loaded before everything else into each part of `capstan dev`: a part does not outlive the process that started it.
//  F1. `dev` holds the write end of the part's stdin and never closes it. Its end means that `dev` is gone, by whatever cause.
//  F2. The part then gets the wish to stop, and half a second later the end that each part survives by design: the
//      database keeps what was committed, the runners of the agent go on and are adopted by the next one.
//  F3. Flags of Node are handed down to workers and may be to children: only the process whose parent is `dev` listens.
import { isMainThread } from "node:worker_threads";

const graceMs = 500;
const parent = Number(new URL(import.meta.url).searchParams.get("parent"));

if (isMainThread && process.ppid === parent) {
  const end = (): void => {
    setTimeout(() => process.kill(process.pid, "SIGKILL"), graceMs).unref();
    process.kill(process.pid, "SIGTERM");
  };
  process.stdin.on("end", end).on("error", end).resume();
  process.stdin.unref();
}
