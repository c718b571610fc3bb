// The runner's end of the small process that starts its tasks, and the way without it.
//  W1. A runner without its spawner could start nothing and would not hear of any end: it ends too, and its agent
//      kills its trees.
//  W2. Where there is no `mkfifo`, and outside Linux (where starting a process copies no page tables), the runner
//      spawns itself.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { openPipes, PipePool } from "./pipe-pool.ts";
import { environmentOf, spawnProcess, type SpawnRequest } from "./spawn.ts";
import type { SpawnNotice, SpawnOrder } from "./spawner-process.ts";

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The first process has ended. */
  readonly exited: Promise<ProcessEnd>;
  /** Both pipes are at their end or were destroyed. */
  readonly closed: Promise<void>;
}

export type SpawnResult =
  | { readonly kind: "running"; readonly process: RunningProcess }
  | { readonly kind: "failed"; readonly message: string };

interface Order {
  readonly answered: (notice: Exclude<SpawnNotice, { t: "exited" }>) => void;
  readonly exited: (end: ProcessEnd) => void;
}

export class Spawner {
  readonly #child: ChildProcess | undefined;
  readonly #pipes: PipePool | undefined;
  readonly #orders = new Map<number, Order>();
  #n = 0;

  private constructor(child: ChildProcess | undefined, pipes: PipePool | undefined) {
    this.#child = child;
    this.#pipes = pipes;
    child?.on("message", (notice) => this.#onNotice(notice as SpawnNotice)); // our own process
  }

  /** @param pipeFolder a folder of this runner alone, for the pipes of its tasks */
  static async start(pipeFolder: string): Promise<Spawner> {
    if (process.platform !== "linux") return new Spawner(undefined, undefined);
    const pipes = new PipePool(pipeFolder);
    try {
      pipes.giveBack(await pipes.take(), true);
    } catch {
      pipes.close();
      return new Spawner(undefined, undefined);
    }
    const isSource = import.meta.url.endsWith(".ts");
    const child = fork(new URL(isSource ? "./spawner-process.ts" : "./spawner-process.js", import.meta.url), [], {
      execArgv: ["--max-semi-space-size=1", "--single-threaded"],
      // Nothing of the agent's environment: neither its size nor its secrets belong there.
      env: {},
      cwd: "/",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.once("exit", (code, signal) => {
      console.error(`runner: the spawner ended with ${signal ?? code}`);
      process.exit(70);
    });
    await once(child, "spawn");
    return new Spawner(child, pipes);
  }

  /** Starts the first process of an attempt. Rejects only where its cgroup cannot be entered. */
  async spawn(request: SpawnRequest): Promise<SpawnResult> {
    if (this.#child === undefined || this.#pipes === undefined || request.prepared.stdin !== undefined) {
      return await spawnHere(request);
    }
    const { prepared, tree, cgroupParent } = request;
    const pool = this.#pipes;
    const pair = await pool.take();
    const { stdout, stderr, release } = openPipes(pair);
    const closed = Promise.all([ended(stdout), ended(stderr)]).then(([isOutDrained, isErrDrained]) => {
      pool.giveBack(pair, isOutDrained && isErrDrained);
    });
    const n = ++this.#n;
    const exited = Promise.withResolvers<ProcessEnd>();
    const answer = Promise.withResolvers<Exclude<SpawnNotice, { t: "exited" }>>();
    this.#orders.set(n, { answered: answer.resolve, exited: exited.resolve });
    const order: SpawnOrder = {
      n,
      argv: prepared.argv,
      env: environmentOf(request),
      cwd: prepared.cwd,
      ...pair,
      cgroup: tree.cgroup,
      cgroupParent,
      isLasting: request.isLasting ?? false,
    };
    this.#child.send(order);
    const notice = await answer.promise;
    release();
    if (notice.t === "spawned") {
      return { kind: "running", process: { pid: notice.pid, stdout, stderr, exited: exited.promise, closed } };
    }
    stdout.destroy();
    stderr.destroy();
    return { kind: "failed", message: notice.message };
  }

  /** Ends the spawner; resolves when its process is gone. Nothing may run any more. */
  async close(): Promise<void> {
    this.#pipes?.close();
    if (this.#child === undefined) return;
    this.#child.removeAllListeners("exit");
    const gone = once(this.#child, "exit");
    this.#child.disconnect();
    await gone;
  }

  #onNotice(notice: SpawnNotice): void {
    const order = this.#orders.get(notice.n);
    if (notice.t !== "spawned") this.#orders.delete(notice.n);
    if (notice.t === "exited") order?.exited({ code: notice.code, signal: notice.signal });
    else order?.answered(notice);
  }
}

/** True where the pipe was read to its end, false where it was destroyed before. */
function ended(pipe: Readable): Promise<boolean> {
  return new Promise((resolve) => {
    let isDrained = false;
    pipe.on("end", () => {
      isDrained = true;
    });
    pipe.on("error", () => undefined); // `close` follows
    pipe.on("close", () => resolve(isDrained));
  });
}

async function spawnHere(request: SpawnRequest): Promise<SpawnResult> {
  const child = spawnProcess(request);
  if (child.pid === undefined) {
    const [error]: unknown[] = await once(child, "error");
    return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  }
  const { stdin, stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("both outputs of a task are pipes"); // `spawnProcess` asks for them
  child.on("error", () => undefined); // a signal that could not be sent; the tree is killed by other means
  if (stdin !== null) {
    stdin.on("error", () => undefined); // a task need not read its input
    stdin.end(request.prepared.stdin);
  }
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const exited = new Promise<ProcessEnd>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  return { kind: "running", process: { pid: child.pid, stdout, stderr, exited, closed } };
}
