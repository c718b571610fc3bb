// Which processes belong to a data folder: those that name it in their arguments, environment or working folder.
// It asks the system, not the product, so a process that the product has forgotten is found too. Linux only.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface FoundProcess {
  readonly pid: number;
  readonly parent: number;
  /** The argument vector, joined by blanks. */
  readonly command: string;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // it has ended, or is another user's
  }
};

const workingFolder = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
};

/** Living processes (zombies are not) that belong to the folder, this one left out. */
export function processesOf(folder: string): readonly FoundProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name): FoundProcess[] => {
      const pid = Number(name);
      const stat = read(`/proc/${name}/stat`);
      // The name in parentheses may hold anything, so the fields are counted from its end.
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === undefined || state === "" || state === "Z") return [];
      const command = read(`/proc/${name}/cmdline`).split("\0").join(" ").trim();
      const mine =
        command.includes(folder) ||
        read(`/proc/${name}/environ`).includes(folder) ||
        workingFolder(pid).startsWith(folder);
      return mine ? [{ pid, parent: Number(parent), command }] : [];
    });
}

/** True while a process with this id lives; a zombie does not. */
export const isAlive = (pid: number): boolean => {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== "" && stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
};

/** TCP ports of loopback or any address on which one of the processes listens. */
export function listeningPorts(pids: readonly number[]): readonly number[] {
  const inodes = new Set<string>();
  for (const pid of pids) {
    let names: string[] = [];
    try {
      names = readdirSync(`/proc/${pid}/fd`);
    } catch {
      continue; // it has ended
    }
    for (const name of names) {
      try {
        const socket = /^socket:\[([0-9]+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`));
        if (socket?.[1] !== undefined) inodes.add(socket[1]);
      } catch {
        // the descriptor was closed meanwhile
      }
    }
  }
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
    read(table)
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === "0A" && inodes.has(fields[9] ?? ""))
      .map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "0", 16)),
  );
}
