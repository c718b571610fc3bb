// Starting the first process of an attempt.
//  P1. Arguments are a list; no shell line is ever built.
//  P2. Nothing of the runner's environment is inherited.
//  P3. The process leads a session of its own, and carries the attempt's id in its environment for ever.
import { spawn, type ChildProcess } from "node:child_process";
import type { Prepared } from "../execute/executor.ts";
import { insideTree, type Tree } from "./tree.ts";

export type PreparedProcess = Extract<Prepared, { kind: "process" }>;

export interface SpawnRequest {
  readonly prepared: PreparedProcess;
  readonly tree: Tree;
  readonly cgroupParent: string;
  readonly epoch: number;
  /** It carries many attempts, so another start is not likely to follow soon. */
  readonly isLasting?: boolean;
}

/** The whole environment of the first process (P2, P3). */
export const environmentOf = ({ prepared, tree, epoch }: SpawnRequest): Record<string, string> => ({
  ...prepared.env,
  CAPSTAN_ATTEMPT_ID: tree.attempt,
  CAPSTAN_EPOCH: String(epoch),
});

/**
 * Spawns. A program that cannot be started shows as the child's `error` event, as Node has it; failing to enter the
 * cgroup throws.
 */
export function spawnProcess(request: SpawnRequest): ChildProcess {
  const { prepared, tree } = request;
  const [file, ...args] = prepared.argv;
  return insideTree(tree, request.cgroupParent, () =>
    spawn(file, args, {
      cwd: prepared.cwd,
      env: environmentOf(request),
      detached: true,
      shell: false,
      windowsHide: true,
      stdio: [prepared.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    }),
  );
}
