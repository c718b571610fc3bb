// A small process beside a runner that starts its tasks. `fork` copies the page tables of whoever calls it: from the
// runner, with the whole contract loaded, that took 3.7 ms an attempt; from here it takes 0.9.
//  S1. It imports Node alone, and keeps nothing: its size is its speed.
//  S2. A child is born in its attempt's cgroup: this process enters it, spawns, and leaves before it does anything else.
//  S3. It ends with its runner. What it had started then belongs to the agent, which kills the trees of a dead runner.
import { spawn } from "node:child_process";
import { closeSync, constants, openSync, writeFileSync } from "node:fs";
import { insideTree } from "./tree.ts";

/** Runner → spawner: start a program whose output goes to two FIFOs. */
export interface SpawnOrder {
  readonly n: number;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly out: string;
  readonly err: string;
  /** The attempt's cgroup, or "" for none. */
  readonly cgroup: string;
  readonly cgroupParent: string;
  /** It carries many attempts, so another start is not likely to follow soon. */
  readonly isLasting: boolean;
}

/** Spawner → runner. `spawned` or `failed` once, `exited` after `spawned`. */
export type SpawnNotice =
  | { readonly n: number; readonly t: "spawned"; readonly pid: number }
  | { readonly n: number; readonly t: "failed"; readonly message: string }
  | { readonly n: number; readonly t: "exited"; readonly code: number | null; readonly signal: NodeJS.Signals | null };

const tell = (notice: SpawnNotice): void => {
  // The channel closes with the runner, and `disconnect` ends this process.
  if (process.connected) process.send?.(notice, undefined, undefined, () => undefined);
};

const pipeFlags = constants.O_WRONLY | constants.O_NOFOLLOW;

const warmMs = 1000;
const warmEveryMs = 3;
let warmUntil = 0;
let warming: NodeJS.Timeout | undefined;

/**
 * Entering a cgroup waits 5 to 20 ms for a grace period of the kernel where none was entered in the last few ms, and
 * 0.1 ms otherwise. After a start the next one is likely, so the way is kept open for a second, by entering our own.
 */
function keepWarm(own: string): void {
  warmUntil = performance.now() + warmMs;
  warming ??= setInterval(() => {
    if (performance.now() < warmUntil) return writeFileSync(own, "0");
    clearInterval(warming);
    warming = undefined;
  }, warmEveryMs);
}

function obey({ n, argv, env, cwd, out, err, cgroup, cgroupParent, isLasting }: SpawnOrder): void {
  const pipes: number[] = [];
  try {
    for (const path of [out, err]) pipes.push(openSync(path, pipeFlags));
    const [outPipe, errPipe] = pipes;
    const [file, ...args] = argv;
    const child = insideTree({ cgroup, attempt: "" }, cgroupParent, () =>
      spawn(file, args, {
        cwd,
        env,
        detached: true,
        shell: false,
        stdio: ["ignore", outPipe, errPipe],
      }),
    );
    child.on("error", (error) => {
      if (child.pid === undefined) tell({ n, t: "failed", message: error.message });
    });
    if (child.pid === undefined) return;
    tell({ n, t: "spawned", pid: child.pid });
    if (cgroup !== "" && !isLasting) keepWarm(`${cgroupParent}/self/cgroup.procs`);
    child.on("exit", (code, signal) => tell({ n, t: "exited", code, signal }));
  } catch (error) {
    tell({ n, t: "failed", message: error instanceof Error ? error.message : String(error) });
  } finally {
    for (const pipe of pipes) closeSync(pipe);
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit(0));
process.on("message", (order) => obey(order as SpawnOrder)); // the runner is the only one at the other end
