// An enrolled agent on a temporary folder against a fake control plane, for tests.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { runnerRecordSchema, type RunnerRecord } from "@capstan/proto";
import { startAgent, type Agent, type AgentOptions } from "../agent.ts";
import { readConfig } from "../config.ts";
import { enrol } from "../enrol/enrol.ts";
import { killRunner } from "../execute/runner-link.ts";
import { killAllBelow } from "../runner/tree.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";

export interface AgentFixture {
  readonly fake: FakeControlPlane;
  readonly dataDir: string;
  readonly start: (options?: Partial<AgentOptions>) => Promise<Agent>;
  readonly dispose: () => Promise<void>;
}

export async function makeAgentFixture(): Promise<AgentFixture> {
  const fake = await FakeControlPlane.start();
  const dataDir = mkdtempSync(`${tmpdir()}/capstan-agent-`);
  await enrol({ server: fake.url, token: fake.joinToken, name: "test", dataDir, facts: { os: "linux" } });
  const agents: Agent[] = [];
  return {
    fake,
    dataDir,
    start: async (options = {}) => {
      const agent = await startAgent({
        config: readConfig({
          env: { CAPSTAN_AGENT__SLOTS: "64", CAPSTAN_AGENT__RUNNERS: "1" },
          flags: { dataDir, name: "test" },
        }),
        env: process.env,
        runnerEntry: new URL("./script-runner.ts", import.meta.url),
        ...options,
      });
      agents.push(agent);
      await until(() => fake.session?.isReady === true);
      return agent;
    },
    dispose: async () => {
      for (const agent of agents) agent.leave();
      await killRunners(dataDir);
      await fake.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Waits for a condition, looking every 5 ms; fails after `ms` (default 30 s). */
export async function until(isTrue: () => boolean, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms: ${isTrue.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

/** Process ids of the runners that have a record. */
export const runnersOf = (dataDir: string): number[] => recordsOf(dataDir).map(({ pid }) => pid);

function recordsOf(dataDir: string): RunnerRecord[] {
  return readdirSync(`${dataDir}/r`)
    .filter((name) => /^\d+\.json$/.test(name))
    .map((name) => runnerRecordSchema.parse(JSON.parse(readFileSync(`${dataDir}/r/${name}`, "utf8"))));
}

async function killRunners(dataDir: string): Promise<void> {
  for (const record of recordsOf(dataDir)) {
    killRunner(record);
    await until(() => !isAlive(record.pid));
    await killAllBelow(record.cgroup);
  }
}
