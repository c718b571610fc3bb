// One control plane: the product's own commit, dispatch, leases, timers, reports, inventory and sessions, on the simulated
// database and the simulated network. What `app.module.ts` and the gateway put together, without HTTP.
import type { ReportItem } from "@capstan/proto";
import { admissionLoop } from "../../control-plane/src/commit/admission-loop.ts";
import type { CommitStore } from "../../control-plane/src/commit/commit.store.ts";
import { CommitLoop } from "../../control-plane/src/commit/commit-loop.ts";
import { CommitSignals } from "../../control-plane/src/commit/commit-signals.ts";
import { LiveIndex } from "../../control-plane/src/commit/live-index.ts";
import { deadlineLoop, timerLoop, type SpecialTimer } from "../../control-plane/src/commit/timer-loop.ts";
import { Backlog } from "../../control-plane/src/dispatch/backlog.ts";
import { DatabaseClock } from "../../control-plane/src/dispatch/database-clock.ts";
import { DispatchLoop } from "../../control-plane/src/dispatch/dispatch-loop.ts";
import type { Scheduler } from "../../control-plane/src/dispatch/scheduler.ts";
import { leaseClockLoop, leaseLoop, LeaseRenewals } from "../../control-plane/src/dispatch/lease-loop.ts";
import type { NewEvent } from "../../control-plane/src/event/event.store.ts";
import { lookBack, tellLoop } from "../../control-plane/src/event/tell-loop.ts";
import { handleFrame } from "../../control-plane/src/gateway/route.ts";
import { sessionDefaults, type SessionServices } from "../../control-plane/src/gateway/services.ts";
import { AgentSession } from "../../control-plane/src/gateway/session.ts";
import { SessionRegistry } from "../../control-plane/src/gateway/session-registry.ts";
import { LogWatch } from "../../control-plane/src/log/log-watch.ts";
import { InventoryService } from "../../control-plane/src/result/inventory.service.ts";
import { ReportService, type ReportingSession } from "../../control-plane/src/result/report.service.ts";
import { ChildStarter } from "../../control-plane/src/trigger/child-starter.ts";
import { EarlyRuns } from "../../control-plane/src/trigger/early-run.ts";
import type { WorkflowEditions } from "../../control-plane/src/workflow/editions.ts";
import { automationOf } from "./automation.ts";
import { AutomationStores } from "./automation-stores.ts";
import type { IdleLoops, LookKind } from "./idle-loops.ts";
import type { Connection } from "./link.ts";
import { schedulerOf, SimProcess } from "./sim-process.ts";
import { isUnavailable, type StoreParts } from "./sim-connection.ts";
import { SimStores } from "./sim-stores.ts";

export interface ReplicaParts extends Omit<StoreParts, "process"> {
  readonly replica: number;
  readonly newId: () => string;
  readonly rate: number;
  readonly idle: IdleLoops;
  readonly pace: number;
  readonly sessionAgeMs: number;
  readonly project: { readonly projectId: string; readonly poolId: string };
  readonly editions: WorkflowEditions;
  /** Whether what asks for runs by itself, the cache, variables and operations are there. */
  readonly isAutomated: boolean;
  /** Items of reports that are being applied, so that a check can tell by whom a row was moved. */
  readonly onReport: (session: ReportingSession, items: readonly ReportItem[]) => void;
}

export class Replica {
  readonly process: SimProcess;
  readonly parts: ReplicaParts;
  commit: CommitLoop | undefined;
  /** What the rim uses beside the commit. */
  events: { readonly put: (event: NewEvent) => Promise<unknown>; readonly wake: () => void } | undefined;
  snapshots: Pick<CommitStore, "loadRuns"> | undefined;
  early: EarlyRuns | undefined;
  private services: SessionServices | undefined;
  private sessions = new Set<AgentSession>();
  private connections = new Set<Connection>();

  constructor(parts: ReplicaParts) {
    this.parts = parts;
    this.process = new SimProcess(parts.world);
  }

  start(): void {
    const { parts, process } = this;
    const { world, random, database } = parts;
    process.start();
    this.sessions = new Set();
    this.connections = new Set();
    const stores = new SimStores({ ...parts, process });
    const scheduler = schedulerOf(world, process, { random, rate: parts.rate, pace: parts.pace });
    const { idle } = parts;
    const looks = (kind: LookKind, finds?: () => boolean): Scheduler => idle.schedulerOf(scheduler, kind, finds);
    const log = this.makeLog();
    const registry = new SessionRegistry(scheduler.nowMs, scheduler.endOfTurn);
    const backlog = new Backlog();
    const live = new LiveIndex();
    const signals = new CommitSignals();
    const clock = new DatabaseClock(database.tick(), scheduler.nowMs);
    const commit = new CommitLoop(
      { store: stores, sessions: registry, backlog, clock, live, signals, log },
      { publicUrl: () => "http://127.0.0.1:7420", newId: parts.newId, isUnavailable, scheduler },
    );
    this.commit = commit;
    const dispatch = new DispatchLoop(
      { store: stores, commit, sessions: registry, backlog, log },
      { scheduler: looks("lanes", () => backlog.all().length > 0) },
    );
    const more = new AutomationStores({ ...parts, process });
    const early = new EarlyRuns({
      store: more.early,
      nowMs: () => clock.nowMs(),
      newId: parts.newId,
      publicUrl: () => "http://127.0.0.1:7420",
    });
    const children = new ChildStarter(commit, stores, parts.editions, early);
    const telling = tellLoop(stores, signals, log, looks("events"));
    this.events = { put: (event) => stores.put(parts.project.projectId, event), wake: () => telling.wake() };
    this.snapshots = stores;
    this.early = early;
    const { newId, editions } = parts;
    const automation = parts.isAutomated
      ? automationOf({ database, commit, snapshots: stores, stores: more, editions, early, signals, newId, log, looks })
      : { loops: [], special: [] };
    const loops = [
      leaseClockLoop(stores, clock, log, scheduler),
      dispatch.loop,
      leaseLoop(stores, commit, log, looks("leases")),
      timerLoop({
        store: stores,
        commit,
        signals,
        log,
        scheduler: looks("timers"),
        special: new Map<string, SpecialTimer>([
          ["event:look", (timer) => lookBack(stores, timer)],
          ["child_start", (timer) => children.start(timer)],
          ...automation.special,
        ]),
      }),
      admissionLoop(stores, commit, signals, log, looks("admission")),
      telling,
      deadlineLoop(stores, commit, log, looks("deadlines")),
      ...automation.loops,
    ];
    for (const loop of loops) loop.start();
    const inventory = new InventoryService(stores, commit, `replica ${parts.replica}`, (error) =>
      log.warn({ err: error }, "inventory"),
    );
    const reports = new ReportService(commit, stores, live);
    // Logs and traces are not simulated; sessions call nothing else of them than this.
    this.services = {
      registry,
      inventory,
      reports: {
        apply: (session: ReportingSession, items: readonly ReportItem[]) => {
          parts.onReport(session, items);
          return reports.apply(session, items);
        },
      },
      leases: new LeaseRenewals(stores),
      logs: { append: () => undefined, finished: () => undefined, sourceClosed: () => undefined },
      traces: { append: () => true },
      watch: new LogWatch(),
      log,
    } as unknown as SessionServices;
    this.tick();
  }

  kill(): void {
    this.process.kill();
    this.commit = undefined;
    this.events = undefined;
    this.snapshots = undefined;
    this.early = undefined;
    for (const connection of this.connections) connection.close("control", 1006);
    this.connections = new Set();
    this.sessions = new Set();
  }

  /** An orderly end: sessions are closed with a word, then the process goes. */
  stop(): void {
    for (const session of this.sessions) session.close(1012, "the server stops");
    this.kill();
  }

  accept(connection: Connection, agentId: string, name: string): void {
    const { services, parts, process } = this;
    if (services === undefined) return;
    const session = new AgentSession(
      {
        projectId: parts.project.projectId,
        project: "default",
        agentId,
        name,
        pool: "default",
        poolId: parts.project.poolId,
        state: "active",
      },
      connection.controlLink(),
      services,
      { ...sessionDefaults, ageMs: parts.sessionAgeMs },
      handleFrame,
      () => parts.world.nowMs * parts.rate,
      () => parts.random.next(),
    );
    this.sessions.add(session);
    this.connections.add(connection);
    const closed = process.bind(() => {
      this.sessions.delete(session);
      this.connections.delete(connection);
      session.onClosed();
    });
    connection.up.end = { onText: (text) => session.onText(text), onClosed: closed };
  }

  private tick(): void {
    this.process.after(2000 * Math.min(3, this.parts.pace), () => {
      for (const session of this.sessions) session.tick();
      this.tick();
    });
  }

  /** A log that tells of nothing but bugs: an error that nobody injected ends the simulation. */
  private makeLog(): SessionServices["log"] {
    const { world } = this.parts;
    const told = (fields: unknown, text: unknown): void => {
      const error = typeof fields === "object" && fields !== null && "err" in fields ? fields.err : undefined;
      if (error !== undefined && !isInjected(error)) {
        const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
        world.violate("I24", `${String(text)}: ${stack}`);
      }
      if (typeof text === "string" && text.includes("a promised slot")) world.violate("I11", text);
    };
    const log = { info: () => undefined, debug: () => undefined, warn: told, error: told, child: () => log };
    return log as unknown as SessionServices["log"]; // what the simulated stages call of it
  }
}

function isInjected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("injected" in error) return true;
  if ("code" in error && error.code === "unavailable") return true;
  return error.cause !== undefined && isInjected(error.cause);
}
