// One seed: builds the world, lets it run, heals it, waits until everything has ended, and checks the ends.
import { uuidFromId, uuidV7, type OfferedAttempt } from "@capstan/proto";
import { SimAgent } from "./agent.ts";
import { AutomationChecks } from "./automation-checks.ts";
import { AutomationUsers } from "./automation-users.ts";
import { Bounds } from "./bounds.ts";
import { Checks } from "./checks.ts";
import { checkEnded, checkFaultless } from "./final-check.ts";
import { Host } from "./host.ts";
import { IdleLoops } from "./idle-loops.ts";
import { Ledger } from "./ledger.ts";
import { Connection, type Network } from "./link.ts";
import { Nemesis, type AgentPlace } from "./nemesis.ts";
import { Operators } from "./operators.ts";
import { Replica } from "./replica.ts";
import { settingsOf, type Overrides, type Settings } from "./settings.ts";
import { SimDatabase } from "./sim-database.ts";
import type { Weather } from "./sim-connection.ts";
import { Requests } from "./requests.ts";
import { Users } from "./users.ts";
import type { NumberedEdition, WorkflowEditions } from "../../control-plane/src/workflow/editions.ts";
import { limitsOf, makeWorkflow, programOf, type Deployed } from "./workload.ts";
import { automated } from "./workload-automation.ts";
import { World, type Violation } from "./world.ts";

export interface SimulationResult {
  readonly settings: Settings;
  readonly violation: Violation | undefined;
  readonly traceHash: string;
  readonly events: number;
  readonly runs: number;
  readonly executions: number;
  readonly simulatedMs: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Longest time without any write, once everything has healed, beside the longest lease with its margin. */
const idleMs = 420_000;
/** A timer that outlives what it was set for is due by then, or it is one that was forgotten. */
const timersMs = 120_000;

export async function simulate(
  seed: number,
  options: { readonly overrides?: Overrides; readonly print?: (line: string) => void } = {},
): Promise<SimulationResult> {
  const settings = settingsOf(seed, options.overrides);
  const world = new World(seed, options.print);
  const ids = world.random();
  const newId = (): string => uuidV7(1_750_000_000_000 + Math.floor(world.nowMs), ids.bytes(10));
  const clocks = world.random();
  const rate = (): number => (settings.unmasked ? 1 : 1 + clocks.between(-0.001, 0.001));
  const database = new SimDatabase(world, {
    rate: rate(),
    marginMs: settings.unmasked ? () => 0 : (leaseMs) => 15_000 + Math.floor((leaseMs + 499) / 500),
  });
  const ledger = new Ledger(world);
  const project = { projectId: newId(), poolId: newId() };
  const pools = new Map([["default", project.poolId]]);
  database.triggers.newId = newId;
  const automation = settings.isAutomated ? new AutomationChecks(world, database, ledger) : undefined;
  const checks = new Checks(world, database, ledger, pools, automation);
  database.watcher = checks;
  const weather: Weather = { slowMs: 0, lost: 0, conflict: 0, renewalLost: 0 };

  const documents = world.random();
  const zones = settings.agents > 1 ? ["a", "b"] : ["a"];
  const plain = Array.from({ length: settings.workflows }, (_, index) =>
    makeWorkflow(documents, index, newId, {
      leasesMs: settings.leasesMs,
      tasksMax: settings.tasksMax,
      zones,
      isWide: settings.isWide,
      workflows: settings.workflows,
    }),
  );
  const more = settings.isAutomated ? world.random() : undefined;
  const { horizonMs } = settings;
  const workflows = more === undefined ? plain : plain.map((one, index) => automated(more, one, { index, horizonMs }));
  for (const [name, limit] of limitsOf(documents)) database.limits.set(name, limit);
  const byDigest = new Map(workflows.map((workflow) => [workflow.digest, workflow]));

  const editions = editionsOf(workflows, project.projectId);
  const fingerprints = new Map<string, string>();
  const idle = new IdleLoops(world, database, world.random());
  const replicas = Array.from({ length: settings.replicas }, (_, replica) => {
    return new Replica({
      world,
      database,
      random: world.random(),
      weather,
      replica,
      poolId: project.poolId,
      pools,
      fingerprint: (agentId) => fingerprints.get(agentId) ?? "",
      newId,
      rate: rate(),
      pace: settings.pace,
      idle,
      sessionAgeMs: settings.sessionAgeMs,
      project,
      editions,
      isAutomated: settings.isAutomated,
      onReport: (session, items) => checks.onReport(session, items),
    });
  });

  const programs = world.random();
  let outputs = 0;
  const places: AgentPlace[] = Array.from({ length: settings.agents }, (_, index) => {
    const network: Network = { cutUp: false, cutDown: false, stallUpMs: 0, stallDownMs: 0, losesHeld: false };
    const random = world.random();
    const host = new Host(`agent${index}`, {
      world,
      random,
      ledger,
      rate: rate(),
      unmasked: settings.unmasked,
      programOf: (offer: OfferedAttempt) => {
        const workflow = byDigest.get(offer.specDigest);
        if (workflow === undefined) throw new Error(`no workflow of ${offer.specDigest}`);
        return programOf(programs, workflow, offer, () => ++outputs);
      },
      runIdOf: (offer) => uuidFromId("run", offer.run) ?? "",
      attemptIdOf: (offer) => uuidFromId("att", offer.attempt) ?? "",
    });
    const agentId = newId();
    fingerprints.set(agentId, `fingerprint ${host.name}`);
    const agent = new SimAgent({
      world,
      random,
      host,
      agentId,
      slots: settings.slots,
      labels: { zone: zones[index % zones.length] ?? "a" },
      connect: (one) => {
        const up = replicas.filter((replica) => replica.process.isUp);
        if (up.length === 0 || network.cutUp || network.cutDown) return undefined;
        const replica = random.pick(up);
        const connection = new Connection({ world, random, network, agent: one.process, control: replica.process });
        replica.accept(connection, agentId, host.name);
        return connection;
      },
      onAcknowledged: (attempt, epoch, result) => checks.onAcknowledged(attempt, epoch, result),
    });
    return { agent, network };
  });

  const requests = new Requests({ world, random: world.random(), replicas });
  const users = new Users({
    world,
    random: world.random(),
    database,
    requests,
    workflows,
    checks,
    projectId: project.projectId,
    runs: settings.runs,
    horizonMs: settings.horizonMs,
  });
  const operators = new Operators({
    world,
    random: world.random(),
    database,
    requests,
    workflows,
    checks,
    projectId: project.projectId,
    newId,
    horizonMs: settings.horizonMs,
  });
  const nemesis = new Nemesis({ world, random: world.random(), settings, database, weather, replicas, places });

  for (const replica of replicas) replica.start();
  for (const { agent } of places) agent.start();
  users.begin();
  if (settings.isWide) operators.begin();
  if (automation !== undefined) {
    const { projectId } = project;
    const random = world.random();
    const parts = { world, random, database, workflows, checks: automation, projectId, newId, horizonMs };
    new AutomationUsers(parts).begin();
  }
  nemesis.begin();
  new Bounds(world, database, replicas, weather).begin();

  const isSettled = (): boolean => {
    // What is due soon will fire and be found to mean nothing; what is not would stay.
    for (const timer of database.timers.values()) if (timer.dueMs < database.nowMs() + timersMs) return false;
    for (const run of database.runs.values()) {
      if (run.endedMs === undefined) return false;
      for (const task of run.tasks) if (task !== undefined && task.en === undefined) return false;
    }
    if (database.triggers.isBehind || database.operations.hasOpen) return false;
    return places.every(({ agent }) => agent.heldCount === 0);
  };
  const limitMs = Math.max(...settings.leasesMs) * 1.01 + 15_000 + idleMs;
  let looked = 0;
  await world.run(() => {
    if (!nemesis.isOver || ++looked % 16 !== 0) return false;
    if (requests.open === 0 && isSettled()) return true;
    const sinceMs = world.nowMs - Math.max(database.lastWriteMs, settings.horizonMs);
    if (sinceMs > limitMs) world.violate("I1", stuck(database, places, requests.open));
    return false;
  });
  if (world.violation === undefined) {
    for (const run of database.runs.values()) checkEnded({ world, database, ledger, checks }, run);
    if (settings.faults === 0) checkFaultless(world, database, ledger, settings.sessionAgeMs < settings.horizonMs * 3);
    automation?.atEnd(settings.faults === 0);
    if (database.live.size > 0) world.violate("I11", `${database.live.size} attempts live after everything has ended`);
    if (database.queue.size > 0) world.violate("I11", `${database.queue.size} rows wait after everything has ended`);
    if (database.timers.size > 0)
      world.violate("I13", `timers are left after everything has ended: ${[...database.timers.keys()].join(", ")}`);
  }
  return {
    settings,
    violation: world.violation,
    traceHash: world.traceHash,
    events: world.events,
    runs: database.runs.size,
    executions: ledger.all.length,
    simulatedMs: world.nowMs,
    counts: world.counts,
  };
}

/** Workflows do not change here, so what the rim keeps in memory is all there is. */
function editionsOf(workflows: readonly Deployed[], projectId: string): WorkflowEditions {
  const numbered = workflows.map(({ document, digest, workflowId }): NumberedEdition => ({
    projectId,
    project: "default",
    workflowId,
    digest,
    document,
    name: document.name,
    number: 1,
  }));
  const found = (which: (one: NumberedEdition) => boolean) => Promise.resolve(numbered.find(which));
  return {
    active: (_project: unknown, name: string) => found((one) => one.name === name),
    version: (_project: unknown, name: string) => found((one) => one.name === name),
    byId: (_project: unknown, _workflowId: string, digest: string) => found((one) => one.digest === digest),
  } as unknown as WorkflowEditions; // what a child's start asks of them
}

function stuck(database: SimDatabase, places: readonly AgentPlace[], open: number): string {
  const parts: string[] = [];
  for (const run of database.runs.values()) {
    for (const task of run.tasks) {
      if (task !== undefined && task.en === undefined) parts.push(`${run.id} ${task.o} is ${task.s}`);
    }
    if (run.endedMs === undefined) parts.push(`run ${run.id} is ${run.state}`);
  }
  for (const { agent } of places) if (agent.heldCount > 0) parts.push(`${agent.name} holds ${agent.heldCount}`);
  for (const { agent } of places) parts.push(agent.status);
  for (const live of database.live.values())
    parts.push(
      `live ${live.id} ${live.agentId} session ${live.session} seq ${live.seq}, now ${database.sessions.get(live.agentId)?.session}`,
    );
  if (open > 0) parts.push(`${open} requests without an answer`);
  return `nothing happens any more: ${parts.join("; ")}`;
}
