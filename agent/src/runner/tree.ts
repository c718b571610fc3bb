// The tree of processes of one attempt, and its end.
//  C1. A tree is everything an attempt has started, wherever it has moved itself (setsid, double fork).
//  C2. With cgroup v2 the first process is born inside the attempt's cgroup: the runner enters it, spawns, and leaves
//      (measured: 0.35 ms an attempt), so there is no moment in which a child could fork outside.
//  C3. Without a cgroup, a process belongs to the attempt by its session or by CAPSTAN_ATTEMPT_ID in its environment,
//      and the tree is gone when two scans in a row have found nothing.
import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { delegateControllers } from "./cgroup-limits.ts";

export interface Tree {
  /** Absolute path of the attempt's cgroup, or "" where containment is by scan. */
  readonly cgroup: string;
  readonly attempt: string;
  /** By scan: the mark of the attempt that a warm interpreter carries, which what it starts has inherited. */
  readonly also?: string;
}

/** `DelegateSubgroup=` of the agent's service. */
const serviceGroup = "/capstan-agent";

/** A folder under which attempts get their cgroups, or "" where this host gives us none. */
export function makeCgroupParent(name: string): string {
  for (const root of ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]) {
    try {
      readFileSync(`${root}/cgroup.controllers`);
      const own = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
      const base = `${root}${own === "/" ? "" : own}`;
      // systemd can put the service's processes into a folder below the one that it hands over (DelegateSubgroup=); only
      // what has no process in it may hand controllers on.
      const parent = `${own.endsWith(serviceGroup) ? base.slice(0, -serviceGroup.length) : base}/capstan-${name}`;
      mkdirSync(`${parent}/self`, { recursive: true });
      readFileSync(`${parent}/cgroup.events`);
      // Entering must work too: a delegated folder whose parent is not ours cannot be entered.
      writeFileSync(`${parent}/self/cgroup.procs`, String(process.pid));
      accessSync(`${parent}/cgroup.kill`, constants.W_OK);
      delegateControllers(dirname(parent));
      delegateControllers(parent);
      return parent;
    } catch {
      // Not mounted, not delegated, or without cgroup.kill (before Linux 5.14): the next way.
    }
  }
  return "";
}

/** Makes the attempt's cgroup. With an empty parent, or where that fails, containment is by scan. */
export function makeTree(parent: string, attempt: string): Tree {
  if (parent === "") return { cgroup: "", attempt };
  const cgroup = `${parent}/${attempt}`;
  try {
    mkdirSync(cgroup);
    return { cgroup, attempt };
  } catch {
    return { cgroup: "", attempt };
  }
}

/** Runs `spawn` with this process inside the attempt's cgroup, and moves back before returning. */
export function insideTree<T>(tree: Tree, parent: string, spawn: () => T): T {
  if (tree.cgroup === "") return spawn();
  writeFileSync(`${tree.cgroup}/cgroup.procs`, String(process.pid));
  try {
    return spawn();
  } finally {
    writeFileSync(`${parent}/self/cgroup.procs`, String(process.pid));
  }
}

/** Living processes of the tree; zombies are none. Never this process itself. */
export function pidsOf(tree: Tree): number[] {
  if (tree.cgroup !== "") return pidsOfCgroup(tree.cgroup);
  const pids = pidsByMark(`CAPSTAN_ATTEMPT_ID=${tree.attempt}`);
  return tree.also === undefined ? pids : [...pids, ...pidsByMark(`CAPSTAN_ATTEMPT_ID=${tree.also}`)];
}

function pidsOfCgroup(cgroup: string): number[] {
  const pids: number[] = [];
  try {
    for (const line of readFileSync(`${cgroup}/cgroup.procs`, "utf8").split("\n"))
      if (line !== "") pids.push(Number(line));
    // A task may make cgroups below its own.
    if (isPopulated(cgroup)) {
      for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
        if (entry.isDirectory()) pids.push(...pidsOfCgroup(`${cgroup}/${entry.name}`));
      }
    }
  } catch {
    // The cgroup is gone, and with it its processes.
  }
  return pids.filter((pid) => pid !== process.pid);
}

/** True where a living process is all that its tree holds. */
export function isOnlyProcess(tree: Tree, pid: number): boolean {
  if (tree.cgroup === "") return pidsOf(tree).every((one) => one === pid);
  try {
    // The kernel counts the folders below one in its links; two are its own.
    if (statSync(tree.cgroup).nlink === 2) return readFileSync(`${tree.cgroup}/cgroup.procs`, "utf8") === `${pid}\n`;
  } catch {
    return false; // it is gone
  }
  return pidsOfCgroup(tree.cgroup).every((one) => one === pid);
}

function isPopulated(cgroup: string): boolean {
  try {
    return readFileSync(`${cgroup}/cgroup.events`, "utf8").includes("populated 1");
  } catch {
    return false;
  }
}

/** Processes whose environment at exec holds the mark. Those of other users are invisible, and are not ours. */
export function pidsByMark(mark: string): number[] {
  const pids: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const environ = readFileSync(`/proc/${name}/environ`, "latin1");
      if (environ.startsWith(`${mark}\0`) || environ.includes(`\0${mark}\0`)) pids.push(pid);
    } catch {
      // It ended meanwhile, or belongs to somebody else.
    }
  }
  return pids;
}

/** Sends a signal to every process of the tree. */
export function signalTree(tree: Tree, signal: NodeJS.Signals): void {
  if (signal === "SIGKILL" && tree.cgroup !== "") {
    try {
      writeFileSync(`${tree.cgroup}/cgroup.kill`, "1");
      return;
    } catch {
      // The cgroup is gone; the loop below finds nothing then.
    }
  }
  for (const pid of pidsOf(tree)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

/** True where nothing of the tree lives. One look; for the scan two looks in a row are needed (C3). */
export function isTreeEmpty(tree: Tree): boolean {
  return tree.cgroup === "" ? pidsOf(tree).length === 0 : !isPopulated(tree.cgroup);
}

/**
 * Kills the tree and proves it empty. Resolves to the number of processes still there after `waitMs` (5 s): only
 * processes in uninterruptible sleep, which can run no user code any more.
 */
export async function killTree(tree: Tree, waitMs = 5000): Promise<number> {
  const until = performance.now() + waitMs;
  let empty = 0;
  let delay = 1;
  for (;;) {
    if (isTreeEmpty(tree)) {
      empty++;
      if (tree.cgroup !== "" || empty >= 2) return 0;
    } else {
      empty = 0;
      signalTree(tree, "SIGKILL");
    }
    if (performance.now() > until) return pidsOf(tree).length;
    await new Promise((resolve) => setTimeout(resolve, delay));
    delay = Math.min(delay * 2, 50);
  }
}

/** Takes the cgroup away; it must be empty. */
export function removeTree(tree: Tree): void {
  if (tree.cgroup !== "") removeCgroup(tree.cgroup);
}

export function removeCgroup(cgroup: string): void {
  try {
    rmdirSync(cgroup);
  } catch {
    try {
      for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
        if (entry.isDirectory()) removeCgroup(`${cgroup}/${entry.name}`);
      }
      rmdirSync(cgroup);
    } catch {
      // Gone already, or not empty yet: the sweep of the next start takes it.
    }
  }
}

/** Ends all trees below a runner's cgroup: the runner is dead, and its attempts die with it. */
export async function killAllBelow(parent: string): Promise<void> {
  let names: string[] = [];
  try {
    names = readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return;
  }
  await Promise.all(
    names.map(async (name) => {
      const tree: Tree = { cgroup: `${parent}/${name}`, attempt: name };
      await killTree(tree);
      removeTree(tree);
    }),
  );
  removeCgroup(parent);
}

/** Kills every process with a mark in its environment, until two looks find none. */
export async function killMarked(mark: string, waitMs = 5000): Promise<void> {
  const until = performance.now() + waitMs;
  for (let empty = 0; empty < 2 && performance.now() < until;) {
    const pids = pidsByMark(mark);
    empty = pids.length === 0 ? empty + 1 : 0;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
    }
    if (pids.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** True where the kernel killed a process of the tree for its memory limit. */
export function oomKilled(tree: Tree): boolean {
  if (tree.cgroup === "") return false;
  try {
    return /^oom_kill [1-9]/m.test(readFileSync(`${tree.cgroup}/memory.events`, "utf8"));
  } catch {
    return false; // no memory controller here, so no limit of ours could have been met
  }
}
