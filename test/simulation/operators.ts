// People who look at what waits for a person: they answer approvals, send events, end waits, and decide about what has no
// try left. What stays with them they come back to, so no run waits for them for ever. Some run an ended run again.
import type { EventOutcome, RunEvent } from "../../control-plane/src/engine/event.ts";
import type { StartOutcome } from "../../control-plane/src/commit/commit.ts";
import { planAgain } from "../../control-plane/src/engine/again.ts";
import { keepIndexes } from "../../control-plane/src/engine/index-reuse.ts";
import { varsOf } from "../../control-plane/src/engine/vars.ts";
import type { Checks } from "./checks.ts";
import type { Random } from "./random.ts";
import type { Requests } from "./requests.ts";
import type { StoredRun, StoredTask } from "./rows.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { World } from "./world.ts";
import { eventTypes, type Deployed } from "./workload.ts";

export interface OperatorsParts {
  readonly world: World;
  readonly random: Random;
  readonly database: SimDatabase;
  readonly requests: Requests;
  readonly workflows: readonly Deployed[];
  readonly checks: Checks;
  readonly projectId: string;
  readonly newId: () => string;
  readonly horizonMs: number;
}

const people = ["user:ana", "user:bo", "user:cy"];
const againMax = 3;

export class Operators {
  private readonly parts: OperatorsParts;
  private readonly asked = new Set<string>();
  private again = 0;

  constructor(parts: OperatorsParts) {
    this.parts = parts;
  }

  begin(): void {
    const { world, random, horizonMs } = this.parts;
    this.look();
    for (let i = random.int(6); i > 0; i--) world.after(random.between(0, horizonMs), () => this.send());
    for (let i = random.int(againMax + 1); i > 0; i--)
      world.after(random.between(10_000, horizonMs), () => this.retry());
  }

  private look(): void {
    const { world, random, database } = this.parts;
    world.after(random.between(3_000, 12_000), () => this.look());
    for (const run of database.runs.values()) {
      if (run.endedMs !== undefined) continue;
      for (const task of run.tasks) if (task !== undefined && random.chance(0.4)) this.act(run, task);
    }
  }

  private act(run: StoredRun, task: StoredTask): void {
    const { random, checks } = this.parts;
    const code = task.re?.code;
    const position = task.o;
    if (task.s === "suspended" && code === "waiting_approval") {
      const actor = random.pick(people);
      const decision = random.chance(0.75) ? "approved" : "rejected";
      const principals = [actor, "role:operator"];
      this.submit(run, task, { kind: "decide", position, decision, actor, principals, comment: "", form: {} });
    } else if (task.s === "suspended" && (code === "waiting_time" || code === "waiting_event")) {
      if (random.chance(0.1))
        this.submit(run, task, { kind: "skip_wait", position, actor: "user:ana", reason: "enough" });
    } else if (code === "retries_exhausted" || code === "parked") {
      checks.onTaskMarked(run.id, position);
      const kind = random.int(3);
      if (kind === 0) this.submit(run, task, { kind: "retry_now", position, actor: "user:ana" });
      else if (kind === 1) {
        const mark = { state: random.pick(["failed", "skipped"] as const), actor: "user:ana", reason: "seen" };
        this.submit(run, task, { kind: "mark_task", position, mark });
      } else {
        checks.onTaskStopped(run.id, position);
        this.submit(run, task, { kind: "cancel_task", position, actor: "user:ana", reason: "seen" });
      }
    } else if ((code === "retry_backoff" || code === "limit_reached") && task.s === "retrying" && random.chance(0.15)) {
      checks.onRetryAsked(run.id, position);
      this.submit(run, task, { kind: "retry_now", position, actor: "user:ana" }, () =>
        checks.onRetryAnswered(run.id, position),
      );
    }
  }

  private submit(run: StoredRun, task: StoredTask, event: RunEvent, answered = (): void => undefined): void {
    const { requests, projectId } = this.parts;
    const key = `${run.id} ${task.o}`;
    if (this.asked.has(key)) return answered();
    this.asked.add(key);
    requests.open++;
    const over = (): void => {
      this.asked.delete(key);
      requests.open--;
      answered();
    };
    requests.ask<EventOutcome>((replica) => replica.commit?.submit(projectId, run.id, event), over, true);
  }

  /** A custom event, with the same id however often it is sent. */
  private send(): void {
    const { random, requests, newId } = this.parts;
    const id = newId();
    const type = random.pick(eventTypes);
    const body = { id, type, data: { n: random.int(10) } };
    requests.open++;
    requests.ask(
      (replica) =>
        replica.events?.put({ id, type, dedupe: id, actor: "user:ana", body }).then(() => replica.events?.wake()),
      () => {
        requests.open--;
      },
      true,
    );
  }

  /** Runs an ended run again, with what can be used of it. */
  private retry(): void {
    const { random, database, requests, workflows, projectId, world } = this.parts;
    const ended = [...database.runs.values()].filter(
      (run) => run.endedMs !== undefined && run.tasks.every((task) => task === undefined || task.en !== undefined),
    );
    if (ended.length === 0) return;
    const run = random.pick(ended);
    const workflow = workflows.find((one) => one.workflowId === run.workflowId);
    if (workflow === undefined) return;
    const key = `again ${++this.again}`;
    const mode = random.pick(["failed", "all", "from"] as const);
    const from = random.int(run.plan.graphSize);
    requests.open++;
    requests.ask<StartOutcome | undefined>(
      async (replica) => {
        const { snapshots, commit } = replica;
        const [earlier] = (await snapshots?.loadRuns([{ projectId, runId: run.id }])) ?? [];
        if (earlier === undefined || commit === undefined) return undefined;
        const { plan, inputs } = earlier;
        const nothing = { marks: new Map(), filesGone: new Set<string>(), vars: varsOf(earlier) };
        const planned = planAgain({ earlier, earlierName: key, plan, inputs, mode, from, ...nothing });
        if (planned.kind === "not_reusable") return undefined;
        return commit.start({
          edition: { projectId, project: "default", ...workflow },
          inputs,
          labels: {},
          trigger: { kind: "simulation", ...(earlier.trigger["vars"] === undefined ? {} : { vars: varsOf(earlier) }) },
          idempotency: { caller: "user", key, requestSha256: key },
          again: {
            origin: {
              ...{ kind: "retry", runId: run.id, name: key, actor: "user:ana", mode, attempt: 2 },
              ...keepIndexes(planned.indexes),
            },
            reused: planned.reused,
            marks: new Map(),
          },
        });
      },
      (outcome) => {
        requests.open--;
        if (outcome !== undefined) world.count(`again: ${outcome.kind}`);
      },
      true,
    );
  }
}
