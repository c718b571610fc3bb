// What a campaign of the simulator leaves behind (test/evidence/): counts that can be added up over equal digests of what is
// simulated, and for each planted bug the seed that killed it.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PropertiesResult } from "./run-properties.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const kept = join(root, "test/evidence/simulation");
/** What decides in a simulated world. */
const simulated = ["proto/src", "control-plane/src", "agent/src", "test/simulation"];

export interface SeedsResult {
  readonly from: number;
  readonly to: number;
  readonly done: number;
  readonly violations: readonly { readonly seed: number; readonly message: string }[];
  readonly events: number;
  readonly executions: number;
  readonly cpuSeconds: number;
}

export interface MutantResult {
  readonly id: string;
  readonly what: string;
  readonly outcome: "killed" | "alive" | "equivalent" | "stale" | "not_run";
  readonly seed?: number;
  readonly by?: string;
  readonly seeds?: number;
}

export interface Evidence {
  readonly properties?: PropertiesResult;
  readonly seeds?: SeedsResult;
  readonly mutants?: readonly MutantResult[];
}

const git = (...args: readonly string[]): string => {
  const { stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return typeof stdout === "string" ? stdout.trim() : "";
};

/** Digest of every source that is simulated, tests apart. */
export function codeDigest(): string {
  const hash = createHash("sha256");
  for (const folder of simulated) {
    const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    for (const name of names.sort()) {
      if (!/\.(ts|sql)$/.test(name) || name.includes(".test.")) continue;
      hash
        .update(`${folder}/${name}\0`)
        .update(readFileSync(join(root, folder, name)))
        .update("\0");
    }
  }
  return `sha256:${hash.digest("hex")}`;
}

export function writeEvidence(file: string, { seeds, mutants, properties }: Evidence): void {
  const [cpu] = cpus();
  const count = (outcome: MutantResult["outcome"]): number =>
    (mutants ?? []).filter((one) => one.outcome === outcome).length;
  const record = {
    schema: "capstan.evidence/1",
    campaign: "simulation",
    commit: git("rev-parse", "HEAD").slice(0, 12),
    dirty: git("status", "--porcelain", ...simulated) !== "",
    codeDigest: codeDigest(),
    machine: {
      cores: cpus().length,
      cpu: cpu?.model ?? "",
      memoryMiB: Math.round(totalmem() / 1024 / 1024),
      kernel: release(),
      node: process.versions.node,
    },
    ...(seeds === undefined
      ? {}
      : {
          seeds: {
            ...seeds,
            cpuSeconds: Math.round(seeds.cpuSeconds * 10) / 10,
            perSecondOfCpu: Math.round(seeds.done / seeds.cpuSeconds),
            replay: `npm run sim -- --seeds ${seeds.from}..${seeds.to}`,
          },
        }),
    ...(mutants === undefined
      ? {}
      : {
          mutants: {
            listed: mutants.length,
            killed: count("killed"),
            alive: count("alive"),
            equivalent: count("equivalent"),
            stale: count("stale"),
            notRun: count("not_run"),
            replay: "npm run sim -- --mutants",
            list: mutants,
          },
        }),
    ...(properties === undefined ? {} : { properties: { ...properties, replay: "npm run sim -- --properties" } }),
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Seeds that killed each mutant in kept evidence: looked at first, because most of them still do. */
export function seedsThatKilled(): ReadonlyMap<string, ReadonlySet<number>> {
  const found = new Map<string, Set<number>>();
  if (!existsSync(kept)) return found;
  for (const name of readdirSync(kept)) {
    if (!name.endsWith(".json")) continue;
    // Written by writeEvidence().
    const { mutants } = JSON.parse(readFileSync(join(kept, name), "utf8")) as { mutants?: { list: MutantResult[] } };
    for (const { id, seed } of mutants?.list ?? []) {
      if (seed === undefined) continue;
      const seeds = found.get(id) ?? new Set();
      seeds.add(seed);
      found.set(id, seeds);
    }
  }
  return found;
}
