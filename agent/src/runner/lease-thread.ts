// The lease thread of a runner: it stops trees in time, whatever the main thread is busy with.
//  T1. It reads renewals on a socket of its own, so a flood of logs delays neither a renewal nor a stop.
//  T2. It signals trees by cgroup file and pid; it spawns nothing.
import { timingSafeEqual } from "node:crypto";
import { chmodSync } from "node:fs";
import { createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { runnerCommandSchema, type ClockReading } from "@capstan/proto";
import { readClocks } from "./clock.ts";
import { readLines } from "./json-lines.ts";
import { LeaseTable, type LeasedAttempt } from "./lease-table.ts";
import { signalTree, type Tree } from "./tree.ts";

/** Main thread → lease thread, several in a message. */
export type LeaseOrder =
  | { readonly do: "add"; readonly attempt: LeasedAttempt; readonly base: ClockReading }
  | { readonly do: "move"; readonly attempt: string; readonly tree: Tree }
  | { readonly do: "remove"; readonly attempt: string }
  | { readonly do: "renew"; readonly base: ClockReading };
/** Lease thread → main thread. */
export interface LeaseNotice {
  readonly stopped: "term" | "kill";
  readonly attempt: string;
  readonly epoch: number;
}
export interface LeaseThreadSetup {
  readonly socket: string;
  readonly secret: string;
}

const tickMs = 250;
const port = parentPort;
if (port === null) throw new Error("lease-thread runs as a worker");
const setup = workerData as LeaseThreadSetup; // written by lease-clock.ts of this same runner
const secret = Buffer.from(setup.secret);
const table = new LeaseTable();

port.on("message", (orders: readonly LeaseOrder[]) => {
  for (const order of orders) {
    if (order.do === "add") table.add(order.attempt, order.base);
    else if (order.do === "move") table.move(order.attempt, order.tree);
    else if (order.do === "remove") table.remove(order.attempt);
    else table.renew(order.base);
  }
});

const server = createServer((socket) => {
  let isKnown = false;
  socket.on("error", () => socket.destroy());
  readLines(socket, (line) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const parsed = runnerCommandSchema.safeParse(value);
    if (!parsed.success) {
      socket.destroy();
    } else if (parsed.data.t === "auth") {
      const given = Buffer.from(parsed.data.secret);
      isKnown = given.length === secret.length && timingSafeEqual(given, secret);
      if (!isKnown) socket.destroy();
    } else if (isKnown && parsed.data.t === "renew") {
      table.renew(parsed.data.base);
    }
  });
});
server.listen(setup.socket, () => {
  chmodSync(setup.socket, 0o600);
  port.postMessage("ready");
});

setInterval(() => {
  for (const action of table.tick(readClocks())) {
    signalTree(action.attempt.tree, action.do === "term" ? "SIGTERM" : "SIGKILL");
    const notice: LeaseNotice = { stopped: action.do, attempt: action.attempt.attempt, epoch: action.attempt.epoch };
    port.postMessage(notice);
  }
}, tickMs);
