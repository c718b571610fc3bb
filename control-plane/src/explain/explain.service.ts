// Why something waits, or why it ended as it did. It tells what the engine decided (state, reason, failure) and, for
// work that waits for an agent, asks the predicate of dispatch.
import {
  labelText,
  chainOf,
  defaultMaxParallel,
  failureText,
  formatDuration,
  idFromUuid,
  isRunEnded,
  isTaskRunEnded,
  parseIndexKey,
  runName,
  taskOf,
  type CanonicalWorkflow,
  type Explanation,
  type MappedView,
  type ReasonCode,
  type RunExplanation,
} from "@capstan/proto";
import type { LaneSelector } from "../dispatch/sessions.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { QueuedTask, RunRecord, RunStore, TaskRecord } from "../run/run.store.ts";
import type { RunService } from "../run/run.service.ts";
import { failureView } from "../run/view.ts";
import type { AgentPicture, PicturedAgent } from "./agent-picture.ts";
import { funnelOf } from "./funnel.ts";
import { exhausted, suspendedAdvice, waitsFor } from "./suspended.ts";
import { withChanges } from "./changed.ts";
import { cacheReason } from "./cache-reason.ts";
import { groupReason } from "./group-reason.ts";
import type { LimitPicture, PicturedLimit } from "./limit-picture.ts";
import { limitReason } from "./limit-reason.ts";
import { queueAdvice, takesText } from "./queue-words.ts";
import { cancelWords, clock, logsOf, pauseWords, reasonText, said } from "./words.ts";

interface Scene {
  readonly run: RunRecord;
  readonly document: CanonicalWorkflow | undefined;
  readonly tasks: readonly TaskRecord[];
  readonly queued: readonly QueuedTask[];
  readonly agents: readonly PicturedAgent[];
  /** By key of the mapped task. */
  readonly mapped: ReadonlyMap<string, MappedView>;
  readonly limits: ReadonlyMap<string, PicturedLimit>;
}

const holdersMax = 5;

export class ExplainService {
  private readonly runs: RunService;
  private readonly store: RunStore;
  private readonly picture: AgentPicture;
  private readonly limits: LimitPicture;

  constructor(runs: RunService, store: RunStore, picture: AgentPicture, limits: LimitPicture) {
    this.runs = runs;
    this.store = store;
    this.picture = picture;
    this.limits = limits;
  }

  async task(project: ProjectScope, run: string, key: string): Promise<Explanation> {
    const unbegun = await this.unbegun(project, run, key);
    if (unbegun !== undefined) return unbegun;
    const { record, task } = await this.runs.findTask(project, run, key);
    return withChanges(explainTask(await this.scene(project, record, [task]), task), record);
  }

  async run(project: ProjectScope, run: string): Promise<RunExplanation> {
    const record = await this.runs.find(project, run);
    return withChanges(await this.ofRun(project, record), record);
  }

  private async ofRun(project: ProjectScope, record: RunRecord): Promise<RunExplanation> {
    const scene = await this.scene(project, record);
    const name = runName(record.workflow, record.number);
    const telling = scene.tasks.filter((task) =>
      isRunEnded(record.state) ? task.failure !== null || task.state === "cancelled" : !isTaskRunEnded(task.state),
    );
    const tasks = telling.map((task) => explainTask(scene, task));
    const head = {
      subject: name,
      run: idFromUuid("run", record.id),
      task: null,
      state: record.state,
      since: record.ended ?? record.started ?? record.created,
      evidence: { tasks: { ...record.taskCounts } },
      failure: failureView(record.failure),
      tasks,
    };
    if (record.failure !== null) {
      const failed = failedTask(record.failure);
      const where = record.failure.task === undefined ? "" : `${record.failure.task}: `;
      return {
        ...head,
        code: record.failure.code,
        detail: `${name} ${said(record.state)}. ${where}${failureText(record.failure)}`,
        do: logsOf(name, failed),
      };
    }
    const pause = record.pause?.current;
    if (record.state === "paused" && pause !== undefined) {
      return {
        ...head,
        code: "run_paused",
        since: new Date(pause.atMs).toISOString(),
        detail: `${name} is paused${pauseWords(pause)}.`,
        do: `let it go on: capstan resume ${name}`,
      };
    }
    const wait = record.state === "queued" ? await this.limits.groupWait(project.id, record.id) : undefined;
    if (wait?.pause !== undefined) {
      const { actor, reason, atMs } = wait.pause;
      return {
        ...head,
        code: "workflow_paused",
        since: record.created,
        detail: `${name} waits, because ${record.workflow} is paused${pauseWords(wait.pause)}.`,
        evidence: { by: actor, why: reason, since: new Date(atMs).toISOString(), ahead: wait.ahead },
        do: `let it go on: capstan resume ${record.workflow}`,
      };
    }
    if (wait !== undefined) {
      const { code, detail, evidence } = groupReason(name, wait);
      // JSON of ours; the schema's type is the same without readonly.
      return { ...head, code, detail, evidence: structuredClone(evidence) as Explanation["evidence"], do: null };
    }
    const holding = tasks.find((task) => task.state !== "waiting") ?? tasks[0];
    if (isRunEnded(record.state) || holding === undefined) {
      return { ...head, code: record.state, detail: `${name} ${said(record.state)}${cancelWords(record)}.`, do: null };
    }
    return { ...head, code: holding.code, detail: `${name} is ${record.state}. ${holding.detail}`, do: holding.do };
  }

  /** An index of a mapped task that has no task run, because its turn has not come or never will. */
  private async unbegun(project: ProjectScope, run: string, key: string): Promise<Explanation | undefined> {
    const index = parseIndexKey(key);
    if (index === undefined) return undefined;
    const record = await this.runs.find(project, run);
    if ((await this.store.task(project.id, record.id, key)) !== undefined) return undefined;
    const group = await this.store.task(project.id, record.id, index.task);
    if (group?.map === null || group?.map === undefined || index.index >= group.map.total) return undefined;
    const [document, counts] = await Promise.all([
      this.runs.documentOf(project, record),
      this.runs.mappedViews(project, record, [group]),
    ]);
    return explainUnbegun(record, group, key, document, counts.get(group.key));
  }

  private async scene(project: ProjectScope, run: RunRecord, also: readonly TaskRecord[] = []): Promise<Scene> {
    const [document, tasks, queued, agents] = await Promise.all([
      this.runs.documentOf(project, run),
      this.runs.plannedTasks(project, run),
      this.store.queued(project.id, run.id, 1000),
      this.picture.agents(project.id),
    ]);
    const mapped = await this.runs.mappedViews(project, run, [...tasks, ...also]);
    const keys = limitKeysOf(queued);
    const limits = keys.length === 0 ? new Map() : await this.limits.limits(project.id, keys, holdersMax);
    return { run, document, tasks, queued, agents, mapped, limits };
  }
}

/** Keys of the limits that queued work takes of. */
export const limitKeysOf = (queued: readonly Pick<QueuedTask, "selector">[]): readonly string[] => [
  // Selectors were written by the commit stage.
  ...new Set(queued.flatMap((row) => ((row.selector as unknown as LaneSelector).limits ?? []).map((one) => one.key))),
];

function explainTask(scene: Scene, task: TaskRecord): Explanation {
  const name = runName(scene.run.workflow, scene.run.number);
  const head = {
    subject: `${name}/${task.key}`,
    run: idFromUuid("run", scene.run.id),
    task: task.key,
    state: task.state,
    failure: failureView(task.failure),
    evidence: { ...evidenceOf(task) },
  };
  switch (task.state) {
    case "waiting":
      return waiting(scene, task, head);
    case "queued":
      return queued(scene, task, head);
    case "retrying": {
      if (task.reason?.code === "limit_reached") return waitsForPlace(task, head);
      const at = task.due === null ? "" : ` at ${clock(task.due)}`;
      const why = task.failure === null ? "" : `: ${failureText(task.failure)}`;
      return {
        ...head,
        code: "retry_backoff",
        since: task.ended ?? task.queued,
        detail: `${task.key} failed${why}. Attempt ${task.attempts + 1} starts${at}.`,
        do: null,
      };
    }
    case "running":
      if (scene.mapped.has(task.key)) return mapped(scene, task, head);
      return carried(scene, task, head);
    case "dispatched":
    case "cancelling":
      return carried(scene, task, head);
    case "suspended": {
      const code = task.reason?.code ?? task.state;
      if (code === "retries_exhausted") return exhausted(name, task, head);
      return {
        ...head,
        code,
        since: task.started ?? task.created,
        detail: `${task.key} is suspended and holds no slot. ${reasonText(code)}${waitsFor(task)}`,
        do: suspendedAdvice(code, head.subject),
      };
    }
    case "skipped":
      return reasoned(task, head);
    case "failed":
    case "timed_out": {
      const code = task.failure?.code ?? task.state;
      const agent = task.agent === null ? "" : ` on ${task.agent}`;
      const message = task.failure === null ? "" : ` ${failureText(task.failure)}`;
      const tries = task.attempts > 1 ? ` after ${task.attempts} attempts` : "";
      return {
        ...head,
        code,
        since: task.ended,
        detail: `${task.key} ${said(task.state)}${agent}${tries}.${message}`,
        do: logsOf(name, task.key),
      };
    }
    case "cancelled":
    case "succeeded":
      return { ...head, code: task.state, since: task.ended, detail: `${task.key} ${said(task.state)}.`, do: null };
  }
}

/** A skip, by its reason. */
function reasoned(task: TaskRecord, head: Head): Explanation {
  const code = task.reason?.code ?? task.state;
  return {
    ...head,
    code,
    since: task.ended ?? task.created,
    detail: `${task.key} is ${task.state}. ${reasonText(code)}`,
    do: null,
  };
}

type Head = Pick<Explanation, "subject" | "run" | "task" | "state" | "failure" | "evidence">;

function waiting(scene: Scene, task: TaskRecord, head: Head): Explanation {
  const needs = scene.document === undefined ? [] : (taskOf(scene.document, task.key)?.needs ?? []);
  const open = scene.tasks.filter((other) => needs.includes(other.key) && !isTaskRunEnded(other.state));
  const names = open.map((other) => `${other.key} (${other.state})`).join(", ");
  return {
    ...head,
    code: "needs_pending",
    since: task.created,
    detail: names === "" ? `${task.key} is about to be decided.` : `${task.key} waits for ${names}.`,
    evidence: { needs: Object.fromEntries(open.map((other) => [other.key, other.state])) },
    do: null,
  };
}

function queued(scene: Scene, task: TaskRecord, head: Head): Explanation {
  const row = scene.queued.find((one) => one.key === task.key);
  const since = task.queued;
  const age = since === null ? "" : ` for ${formatDuration(Math.max(0, Date.now() - Date.parse(since)))}`;
  const pause = scene.run.pause?.current;
  if (task.reason?.code === "run_paused" && pause !== undefined) {
    return {
      ...head,
      code: "run_paused",
      since,
      detail: `${task.key} is ready, but its run is paused${pauseWords(pause)}.`,
      evidence: { by: pause.actor, why: pause.reason, since: new Date(pause.atMs).toISOString() },
      do: `let it go on: capstan resume ${runName(scene.run.workflow, scene.run.number)}`,
    };
  }
  if (row === undefined) {
    const cache = cacheReason(task);
    if (cache !== undefined) return { ...head, since, ...cache };
    const code = task.reason?.code ?? "control_plane_behind";
    return { ...head, code, since, detail: `${task.key} has been queued${age}. ${reasonText(code)}`, do: null };
  }
  const selector = row.selector as unknown as LaneSelector; // written by the commit stage
  const wanted = {
    poolId: row.poolId,
    executor: selector.executor,
    labels: selector.labels,
    slots: selector.slots,
    ...(selector.expr === undefined ? {} : { expr: selector.expr }),
    ...(selector.takes === undefined ? {} : { takes: selector.takes }),
    ...(selector.dataRules === undefined ? {} : { dataRules: selector.dataRules }),
    ...(selector.data === undefined ? {} : { data: selector.data }),
  };
  const funnel = funnelOf(wanted, row.pool, scene.agents);
  const limit =
    funnel.reason === undefined || funnel.reason === "agents_busy"
      ? limitReason(selector.limits ?? [], scene.limits)
      : undefined;
  // How much of a host is taken is known to its agent's session alone: with a slot free, it is what is waited for.
  const isCrowded = funnel.reason === undefined && selector.takes !== undefined;
  const code: ReasonCode =
    limit?.code ??
    funnel.reason ??
    (isCrowded ? "agents_busy" : undefined) ??
    (task.reason?.code === "dispatch_backoff" ? "dispatch_backoff" : "behind_others");
  const wants = [
    `pool=${row.pool}`,
    ...Object.entries(selector.labels).map(([label, values]) => labelText(label, values)),
  ];
  return {
    ...head,
    code,
    since,
    detail: `${task.key} has been queued${age}. ${limit?.detail ?? reasonText(code)}`,
    evidence: {
      ...(structuredClone(limit?.evidence ?? {}) as Explanation["evidence"]), // JSON, as below
      wants: {
        pool: row.pool,
        executor: selector.executor,
        slots: selector.slots,
        labels: structuredClone(selector.labels) as Record<string, string[]>,
        ...takesText(selector.takes),
      },
      busy: funnel.matching
        .filter((agent) => agent.online)
        .slice(0, 10)
        .map((agent) => ({ agent: agent.name, slotsUsed: agent.slotsUsed, slots: agent.slots })),
      offline: funnel.matching
        .filter((agent) => !agent.online)
        .slice(0, 10)
        .map((agent) => ({ agent: agent.name, seenAt: agent.seen ?? null })),
    },
    funnel: funnel.steps,
    ...(funnel.nearest === undefined ? {} : { nearest: funnel.nearest }),
    do: limit !== undefined ? limit.do : queueAdvice(code, row.pool, wants, funnel.nearest),
  };
}

/** An index whose back-off is over, while as many others as may be are at work. */
const waitsForPlace = (task: TaskRecord, head: Head): Explanation => ({
  ...head,
  code: "limit_reached",
  since: task.queued,
  detail: `${task.key} waits for its next attempt: maxParallel lets ${String(task.reason?.evidence?.["max"] ?? "")} indexes be at work at once.`,
  do: null,
});

/** A group: how its indexes stand, and what keeps the others from beginning. */
function mapped(scene: Scene, task: TaskRecord, head: Head): Explanation {
  const view = scene.mapped.get(task.key);
  const words =
    view === undefined
      ? []
      : [
          `${view.succeeded} of ${view.total} indexes have succeeded`,
          ...(view.failed > 0 ? [`${view.failed} failed`] : []),
          ...(view.running > 0 ? [`${view.running} are at work`] : []),
          ...(view.waiting > 0 ? [`${view.waiting} have not begun`] : []),
        ];
  return {
    ...head,
    code: "running",
    since: task.started,
    detail: `${task.key} is running: ${words.join(", ")}.`,
    evidence: { ...view },
    do: null,
  };
}

function explainUnbegun(
  run: RunRecord,
  group: TaskRecord,
  key: string,
  document: CanonicalWorkflow | undefined,
  view: MappedView | undefined,
): Explanation {
  const name = runName(run.workflow, run.number);
  const definition = document?.tasks[group.key];
  const chain = definition === undefined ? undefined : chainOf(definition);
  const over = isTaskRunEnded(group.state) || group.state === "cancelling";
  const before = chain === undefined ? undefined : key.replace(group.key, chain);
  const max = definition?.maxParallel ?? defaultMaxParallel;
  const full = view !== undefined && view.running >= max;
  const head = {
    subject: `${name}/${key}`,
    run: idFromUuid("run", run.id),
    task: key,
    failure: null,
    do: null,
    since: group.started,
  };
  if (over) {
    const detail = `${key} never began: ${group.key} ${said(group.state)}.`;
    return { ...head, state: "cancelled", code: "cancelled", detail, evidence: {} };
  }
  if (before !== undefined && !full) {
    const detail = `${key} waits for ${before}.`;
    return { ...head, state: "waiting", code: "needs_pending", detail, evidence: { needs: { [before]: "open" } } };
  }
  return {
    ...head,
    state: "waiting",
    code: "limit_reached",
    detail: `${key} has not begun: maxParallel of ${group.key} lets ${max} indexes be at work at once.`,
    evidence: { limit: "maxParallel", max, running: view?.running ?? 0 },
  };
}

/** `train.3` where the task is mapped. */
const failedTask = (failure: NonNullable<RunRecord["failure"]>): string | undefined =>
  failure.task === undefined || failure.index === undefined ? failure.task : `${failure.task}.${failure.index}`;

function carried(scene: Scene, task: TaskRecord, head: Head): Explanation {
  const agent = scene.agents.find((one) => one.id === task.agentId);
  const since = task.started ?? task.queued;
  if (agent !== undefined && !agent.online) {
    const silent = agent.seen === undefined ? "" : `, silent since ${clock(agent.seen)}`;
    return {
      ...head,
      code: "lease_pending",
      since,
      detail: `${task.key} is on ${agent.name}, which is not connected${silent}. Its task may still be at work; nobody else gets it before its lease ends.`,
      evidence: { agent: agent.name, seenAt: agent.seen ?? null, attempt: task.attempts, epoch: task.epoch },
      do: `nothing; or, if you know that the host is off: capstan agents revoke ${agent.name}`,
    };
  }
  const on = agent === undefined ? "" : ` on ${agent.name}`;
  const age = since === null ? "" : ` for ${formatDuration(Math.max(0, Date.now() - Date.parse(since)))}`;
  return { ...head, code: task.state, since, detail: `${task.key} is ${task.state}${on}${age}.`, do: null };
}

const evidenceOf = (task: TaskRecord): Explanation["evidence"] => ({
  // JSON of the engine; the schema's type is the same without readonly.
  ...(structuredClone(task.reason?.evidence ?? {}) as Explanation["evidence"]),
  attempts: task.attempts,
});
