// `agent end`: ends what an agent that is gone has left on this host, for whoever stops agent and host software at once.
//  N1. Never beside a living agent: its lock is held meanwhile, so none starts either.
//  N2. Runners first, then their trees: a runner that still lived could start another process.
//  N3. The records of the runners stay. The next agent finds them dead and tells the control plane what was lost.
import { readFileSync, readdirSync } from "node:fs";
import { AppError, runnerRecordSchema, type RunnerRecord } from "@capstan/proto";
import { isRunnerAlive, killRunner } from "./execute/runner-link.ts";
import { readBootId } from "./runner/process-identity.ts";
import { runnerFolder, runnerFoldersOf, socketPath } from "./runner/runner-paths.ts";
import { killAllBelow } from "./runner/tree.ts";
import { takeLocalSocket } from "./status/local-socket.ts";

const waitMs = 2000;

/**
 * Kills the runners of a data folder and every process of what they carry; resolves when none is left, after 2 s at most.
 * @throws agent_already_running where an agent lives there
 */
export async function endRunners(dataDir: string): Promise<void> {
  const lock = await takeLocalSocket(socketPath(dataDir, "agent.sock"), () => ({ ending: true, pid: process.pid }));
  try {
    const bootId = readBootId();
    const records = recordsIn(runnerFolder(dataDir)).filter((record) => record.bootId === bootId);
    for (const record of records) killRunner(record);
    await Promise.all(records.map((record) => killAllBelow(record.cgroup)));
    const until = performance.now() + waitMs;
    for (let empty = 0; empty < 2;) {
      const left = [
        ...records.filter(isRunnerAlive).map((record) => record.pid),
        ...pidsWorkingIn(runnerFoldersOf(dataDir).work),
      ];
      // Twice in a row: a process that forks while it is looked for is found the second time.
      empty = left.length === 0 ? empty + 1 : 0;
      for (const pid of left) kill(pid);
      if (left.length > 0 && performance.now() > until)
        throw new AppError("internal", `processes ${left.join(", ")} do not end`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } finally {
    lock.close();
  }
}

function recordsIn(folder: string): RunnerRecord[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /^\d+\.json$/.test(name));
  } catch {
    return []; // no agent has ever run here
  }
  return names.flatMap((name) => {
    try {
      const parsed = runnerRecordSchema.safeParse(JSON.parse(readFileSync(`${folder}/${name}`, "utf8")));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return []; // it ended in order just now
    }
  });
}

/** Processes of attempts that work below this folder, by their environment at exec, wherever they have moved themselves. */
function pidsWorkingIn(work: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid) return false;
      try {
        const environ = readFileSync(`/proc/${pid}/environ`, "latin1");
        return environ.includes("CAPSTAN_ATTEMPT_ID=att_") && environ.includes(`=${work}/`);
      } catch {
        return false; // it ended meanwhile, or belongs to somebody else
      }
    });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}
