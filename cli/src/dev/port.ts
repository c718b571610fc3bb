// The port of the front door: 7420, or the next free one where the caller did not insist.
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";
import { AppError } from "@capstan/proto";

export const usualPort = 7420;
const otherPorts = [7430, 7440, 7450, 7460, 7470, 7480, 7490] as const;

/** The port that the system gave (for 0: any free one), or undefined where it is taken. */
export const tryPort = (host: string, port: number): Promise<number | undefined> =>
  new Promise((done, fail) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") done(undefined);
      else fail(error);
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : undefined));
    });
  });

/** A port that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const port = await tryPort("127.0.0.1", 0);
  if (port === undefined) throw new AppError("port_taken", "the system has no free port left on 127.0.0.1");
  return port;
}

function listeningInode(port: number): string | undefined {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    try {
      for (const line of readFileSync(table, "utf8").split("\n").slice(1)) {
        const fields = line.trim().split(/\s+/);
        if (fields[1]?.endsWith(`:${wanted}`) === true && fields[3] === "0A") return fields[9];
      }
    } catch {
      // No such table here: the message goes without a name.
    }
  }
  return undefined;
}

/** Who listens on a port, as `node (pid 4312)`; undefined where the system does not say (not Linux, another user's). */
export function portOwner(port: number): string | undefined {
  const inode = listeningInode(port);
  if (inode === undefined) return undefined;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)) {
        return `${basename(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\u0000")[0] ?? "")} (pid ${pid})`;
      }
    } catch {
      // The process has ended, or belongs to somebody else.
    }
  }
  return undefined;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/**
 * Chooses the port. `wanted` undefined: 7420, else the next free one, with a note that says who has it.
 * @throws port_taken where the wanted one, or all of ours, are taken
 */
export async function choosePort(host: string, wanted: number | undefined): Promise<{ port: number; note?: string }> {
  const first = wanted ?? usualPort;
  const given = await tryPort(host, first);
  if (given !== undefined) return { port: given };
  const owner = portOwner(first);
  const taken = `port ${first} is taken${owner === undefined ? "" : ` by ${owner}`}`;
  if (wanted !== undefined) throw new AppError("port_taken", taken, { evidence: { port: wanted } });
  for (const port of otherPorts) {
    if ((await tryPort(host, port)) !== undefined) return { port, note: `${taken}; using ${port}` };
  }
  throw new AppError("port_taken", `ports ${usualPort} and ${otherPorts.join(", ")} are all taken`);
}
