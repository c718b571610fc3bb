// `workflow_triggers`, `trigger_deliveries` and the relay of ended runs, with the meaning of `tell-events.sql`,
// `fire-by-ends.sql`, `fired-delivery.sql` and `refuse-delivery.sql`.
import {
  listenersOf,
  type CanonicalWorkflow,
  type DeliveryOutcome,
  type JsonObject,
  type RunState,
} from "@capstan/proto";
import type { FiredDelivery } from "../../control-plane/src/trigger/delivery.store.ts";
import type { SimTables, StoredEvent } from "./sim-tables.ts";

interface StoredTrigger {
  readonly projectId: string;
  readonly workflowId: string;
  readonly workflow: string;
  readonly id: string;
  readonly kind: "event" | "workflow";
  readonly digest: string;
  readonly listensTo: string;
  readonly outcomes: readonly string[];
}

interface StoredDelivery extends Omit<FiredDelivery, "outputs" | "body"> {
  /** What fired it; the same fires one trigger once. */
  readonly dedupe: string;
  runId: string | undefined;
  outcome: DeliveryOutcome | undefined;
}

interface End {
  readonly runId: string;
  readonly state: RunState;
}

export class SimTriggers {
  readonly listening: StoredTrigger[] = [];
  readonly deliveries = new Map<string, StoredDelivery>();
  /** Ends of runs in the order of their commits: the part of the event log that the relay reads. */
  readonly ends: End[] = [];
  /** The place of the relay in it. */
  relayed = 0;
  isLocked = false;
  private readonly database: SimTables;
  /** capstan_uuid_v7() */
  newId: () => string = () => "";

  constructor(database: SimTables) {
    this.database = database;
  }

  /** A deploy. */
  put(projectId: string, workflowId: string, digest: string, document: CanonicalWorkflow): void {
    for (const { id, event, workflow } of listenersOf(document)) {
      const trigger = { projectId, workflowId, workflow: document.name, id, digest };
      if (event !== undefined) this.listening.push({ ...trigger, kind: "event", listensTo: event.type, outcomes: [] });
      if (workflow !== undefined)
        this.listening.push({
          ...trigger,
          kind: "workflow",
          listensTo: workflow.name,
          outcomes: workflow.outcome ?? ["succeeded"],
        });
    }
  }

  get isBehind(): boolean {
    return this.relayed < this.ends.length && this.listening.some(({ kind }) => kind === "workflow");
  }

  /** The run whose end is read next. */
  get next(): string {
    return this.ends[this.relayed]?.runId ?? "";
  }

  /** tell-events.sql, its part for triggers. */
  fireByEvent(event: StoredEvent): void {
    for (const trigger of this.listening)
      if (trigger.kind === "event" && trigger.listensTo === event.type)
        this.fire(trigger, `event ${event.id}`, { event: event.body, actor: "user:ana", chain: 1 });
  }

  /** The relay's transaction: ends behind its place, then the place. Answers how many starts came of it. */
  relay(limit: number): { readonly count: number; readonly fired: number } {
    const ends = this.ends.slice(this.relayed, this.relayed + limit);
    let fired = 0;
    for (const { runId, state } of ends) {
      const run = this.database.runs.get(runId);
      if (run === undefined) continue;
      const chain = Number(run.trigger["chain"] ?? 0) + 1;
      const { name } = run.plan.document;
      const context = { run: runId, name: `${name}-${run.number}`, workflow: name, outcome: state, chain };
      for (const trigger of this.listening) {
        if (trigger.kind !== "workflow" || trigger.listensTo !== name || !trigger.outcomes.includes(state)) continue;
        this.fire(trigger, `run ${runId}`, context);
        fired++;
      }
    }
    this.relayed += ends.length;
    if (fired > 0) this.database.onChange();
    return { count: ends.length, fired };
  }

  load(deliveryId: string): FiredDelivery | undefined {
    const found = this.deliveries.get(deliveryId);
    if (found === undefined) return undefined;
    const run = found.kind === "workflow" ? this.database.runs.get(String(found.context["run"])) : undefined;
    return { ...found, body: undefined, outputs: run?.outputs };
  }

  /** refuse-delivery.sql */
  refuse(runId: string, outcome: DeliveryOutcome): boolean {
    const key = `${runId} -1 trigger_start`;
    const timer = this.database.timers.get(key);
    if (timer === undefined) return false;
    this.database.timers.delete(key);
    const delivery = this.deliveries.get(String(timer.body?.["delivery"]));
    if (delivery !== undefined) {
      delivery.outcome = outcome;
      delivery.runId = undefined;
    }
    this.database.world.count(`delivery refused: ${outcome}`);
    return true;
  }

  private fire(trigger: StoredTrigger, dedupe: string, context: JsonObject): void {
    const { projectId, workflowId, workflow, id: triggerId, kind, digest } = trigger;
    for (const one of this.deliveries.values())
      if (one.workflowId === workflowId && one.trigger === triggerId && one.dedupe === dedupe) return;
    const [id, runId] = [this.newId(), this.newId()];
    const nowMs = this.database.nowMs();
    this.deliveries.set(id, {
      id,
      projectId,
      project: "default",
      workflowId,
      workflow,
      trigger: triggerId,
      kind,
      digest,
      receivedMs: nowMs,
      context,
      dedupe,
      runId,
      outcome: undefined,
    });
    this.database.timers.set(`${runId} -1 trigger_start`, {
      projectId,
      runId,
      position: -1,
      kind: "trigger_start",
      dueMs: nowMs,
      body: { delivery: id },
      awaits: undefined,
    });
    this.database.world.count(`delivery: ${kind}`);
  }
}
