// What the agent measures about its host and tells as labels.
import { createHmac } from "node:crypto";
import { readFileSync, readdirSync, statfsSync } from "node:fs";
import { arch, cpus, hostname, platform, release, totalmem } from "node:os";
import type { Resources } from "@capstan/proto";

export interface HostFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly kernel: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** @param python version of the interpreter that tasks would get, `3.11`, or undefined where there is none */
export function readHostFacts(name: string, python: string | undefined): HostFacts {
  const count = cpus().length;
  const labels: Record<string, string> = {
    host: hostname().slice(0, 128) || name,
    os: platform(),
    arch: arch(),
    kernel: release().slice(0, 128),
    node: process.versions.node.split(".")[0] ?? "",
    cpus: String(count),
    mem_gb: String(Math.floor(totalmem() / 1024 ** 3)),
    ...(python === undefined ? {} : { python }),
  };
  return { labels, kernel: release().slice(0, 128), cpus: count, memoryBytes: totalmem() };
}

/**
 * What the host has for attempts: its processors, memory, graphics cards and what is free under the data folder now.
 * @param gpus as the agent's owner says; undefined: those of NVIDIA that the host shows
 */
export function readHostResources(dataDir: string, gpus?: number): Resources {
  const { bavail, bsize } = statfsSync(dataDir);
  return {
    cpu: cpus().length,
    memoryBytes: totalmem(),
    gpu: gpus ?? nvidiaCards(),
    diskBytes: bavail * bsize,
  };
}

function nvidiaCards(): number {
  try {
    return readdirSync("/dev").filter((name) => /^nvidia[0-9]+$/.test(name)).length;
  } catch {
    return 0; // a host without /dev
  }
}

/** HMAC of the machine's id under the agent's id: tells two hosts apart without naming either. */
export function hostFingerprint(agent: string): string {
  let machine = hostname();
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      machine = readFileSync(path, "utf8").trim() || machine;
      break;
    } catch {
      // Not on this host: the name has to do.
    }
  }
  return createHmac("sha256", agent).update(machine).digest("hex").slice(0, 32);
}
