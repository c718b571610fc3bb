// Reading runs, and asking the commit stage to cancel them.
import {
  AppError,
  chainOf,
  idFromUuid,
  isRunEnded,
  isTaskRunEnded,
  parseIndexKey,
  parseRunName,
  plannedCount,
  runName,
  uuidFromId,
  type AttemptView,
  type Cancelled,
  type CanonicalWorkflow,
  type EventList,
  type JsonValue,
  type MappedView,
  type OutputsView,
  type RunSummary,
  type RunView,
  type SummaryView,
  type TaskRunState,
  type TaskRunView,
} from "@capstan/proto";
import type { Audit } from "../audit/entry.ts";
import type { Commit } from "../commit/commit.ts";
import type { EventOutcome } from "../engine/event.ts";
import { makeCursor, readCursor } from "../http/cursor.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import type { RunFilter, RunRecord, RunStore, TaskRecord } from "./run.store.ts";
import { inReadingOrder } from "./reading-order.ts";
import { attemptView, eventView, mappedView, runSummary, runView, taskRunView } from "./view.ts";

export interface RunPage {
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly count: boolean;
}

export interface StoredFile {
  readonly name: string;
  readonly task: string;
  readonly output: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly sha256: string;
}

export class RunService {
  private readonly store: RunStore;
  private readonly editions: WorkflowEditions;
  private readonly commit: Commit;
  private readonly audit: Audit;

  constructor(store: RunStore, editions: WorkflowEditions, commit: Commit, audit: Audit) {
    this.store = store;
    this.editions = editions;
    this.commit = commit;
    this.audit = audit;
  }

  /** A run by `run_…` or `name-42`. @throws not_found */
  async find(project: ProjectScope, run: string): Promise<RunRecord> {
    const id = uuidFromId("run", run);
    const ref = id === undefined ? parseRunName(run) : { id };
    const found = ref === undefined ? undefined : await this.store.find(project.id, ref);
    if (found === undefined) throw new AppError("not_found", `There is no run ${run} in project ${project.name}.`);
    return found;
  }

  async show(project: ProjectScope, run: string): Promise<RunView> {
    return runView(await this.find(project, run));
  }

  /** @param agents names or ids: of these one worked for the run */
  async list(
    project: ProjectScope,
    asked: RunFilter,
    page: RunPage,
    agents?: readonly string[],
  ): Promise<{ data: RunSummary[]; nextCursor: string | null; total?: number }> {
    const filter = agents === undefined ? asked : { ...asked, agentIds: await this.store.agentIds(project.id, agents) };
    const after = page.cursor === undefined ? undefined : readCursor(filter, page.cursor, 1)[0];
    if (after !== undefined && !/^[0-9a-f-]{36}$/.test(String(after)))
      throw new AppError("cursor_invalid", "the cursor holds no run");
    const found = await this.store.list(project.id, filter, {
      limit: page.limit + 1,
      after: after === undefined ? undefined : String(after),
    });
    const rows = found.slice(0, page.limit);
    const last = found.length > page.limit ? rows.at(-1) : undefined;
    return {
      data: rows.map(runSummary),
      nextCursor: last === undefined ? null : makeCursor(filter, [last.id]),
      ...(page.count ? { total: await this.store.count(project.id, filter) } : {}),
    };
  }

  async events(project: ProjectScope, run: string, afterSeq: number, limit: number): Promise<EventList> {
    const { id } = await this.find(project, run);
    const found = await this.store.events(project.id, id, afterSeq, limit + 1);
    const events = found.slice(0, limit);
    return { data: events.map(eventView), lastSeq: events.at(-1)?.seq ?? afterSeq, more: found.length > limit };
  }

  /** Tasks and hooks of the plan; of a mapped task the group alone, with counts of its indexes. */
  async tasks(project: ProjectScope, run: string, states: readonly TaskRunState[] | undefined): Promise<TaskRunView[]> {
    const found = await this.find(project, run);
    const document = await this.documentOf(project, found);
    const tasks = await this.plannedTasks(project, found);
    const counts = await this.mappedViews(project, found, tasks);
    return inReadingOrder(tasks, document)
      .filter((task) => states === undefined || states.includes(task.state))
      .map((task) => taskRunView(task, document, counts.get(task.key)));
  }

  /** Index task runs of one mapped task, those that have begun. @throws not_found */
  async indexes(
    project: ProjectScope,
    run: string,
    key: string,
    states: readonly TaskRunState[] | undefined,
    page: Omit<RunPage, "count">,
  ): Promise<{ data: TaskRunView[]; nextCursor: string | null }> {
    const { record, task } = await this.findTask(project, run, key);
    if (task.map === null) return { data: [], nextCursor: null };
    const filter = [record.id, key, states ?? null];
    const { base, total } = task.map;
    const from = page.cursor === undefined ? 0 : Number(readCursor(filter, page.cursor, 1)[0]);
    const [document, items, found] = await Promise.all([
      this.documentOf(project, record),
      this.itemsOf(project, record, task),
      this.store.tasks(project.id, record.id, {
        from: base + from,
        below: base + total,
        states,
        limit: page.limit + 1,
      }),
    ]);
    const rows = found.slice(0, page.limit);
    const next = found.length > page.limit ? found.at(-1) : undefined;
    return {
      data: rows.map((row) => withItem(taskRunView(row, document), items[row.position - base])),
      nextCursor: next === undefined ? null : makeCursor(filter, [next.position - base]),
    };
  }

  async task(project: ProjectScope, run: string, key: string): Promise<TaskRunView> {
    const { record, task } = await this.findTask(project, run, key);
    const document = await this.documentOf(project, record);
    const view = taskRunView(task, document, (await this.mappedViews(project, record, [task])).get(task.key));
    const index = parseIndexKey(task.key);
    if (index === undefined) return view;
    const group = await this.store.task(project.id, record.id, index.task);
    return group === undefined ? view : withItem(view, (await this.itemsOf(project, record, group))[index.index]);
  }

  /** Task runs of the tasks and hooks of the document, without those of indexes. */
  async plannedTasks(project: ProjectScope, record: RunRecord): Promise<readonly TaskRecord[]> {
    const document = await this.documentOf(project, record);
    const below = document === undefined ? undefined : plannedCount(document);
    return this.store.tasks(project.id, record.id, { below });
  }

  /** How the indexes of the mapped tasks among these stand. */
  async mappedViews(
    project: ProjectScope,
    record: RunRecord,
    tasks: readonly TaskRecord[],
  ): Promise<ReadonlyMap<string, MappedView>> {
    const groups = tasks.filter((task) => task.map !== null);
    if (groups.length === 0) return new Map();
    const from = Math.min(...groups.map((task) => task.map?.base ?? 0));
    const counts = await this.store.indexCounts(project.id, record.id, from);
    return new Map(groups.map((task) => [task.key, mappedView(task, counts)]));
  }

  /** The list of a mapped task; that of a chain is kept with the task that it begins at. */
  private async itemsOf(project: ProjectScope, record: RunRecord, task: TaskRecord): Promise<readonly JsonValue[]> {
    const document = await this.documentOf(project, record);
    let holder: TaskRecord | undefined = task;
    for (;;) {
      const chain: string | undefined = chainOf(document?.tasks[holder.key] ?? {});
      if (chain === undefined) return this.store.items(project.id, record.id, holder.position);
      holder = await this.store.task(project.id, record.id, chain);
      if (holder === undefined) return [];
    }
  }

  async attempts(project: ProjectScope, run: string, key: string): Promise<AttemptView[]> {
    const { record, task } = await this.findTask(project, run, key);
    return (await this.store.attempts(project.id, record.id, task.position)).map(attemptView);
  }

  async outputs(project: ProjectScope, run: string): Promise<OutputsView> {
    const record = await this.find(project, run);
    const tasks = await this.store.tasks(project.id, record.id);
    const withOutputs = tasks.filter((task) => task.outputs !== null && Object.keys(task.outputs).length > 0);
    return {
      run: idFromUuid("run", record.id),
      state: record.state,
      // JSON of the database; the schema's type is the same without readonly.
      outputs: record.outputs as OutputsView["outputs"],
      tasks: Object.fromEntries(withOutputs.map((task) => [task.key, task.outputs])) as OutputsView["tasks"],
      files: filesOf(withOutputs),
    };
  }

  /** @throws not_found */
  async file(project: ProjectScope, run: string, name: string): Promise<StoredFile> {
    const record = await this.find(project, run);
    const file = filesOf(await this.store.tasks(project.id, record.id)).find((candidate) => candidate.name === name);
    if (file === undefined)
      throw new AppError("not_found", `${runName(record.workflow, record.number)} has no file ${name}.`);
    return file;
  }

  async summary(project: ProjectScope, run: string): Promise<SummaryView> {
    const record = await this.find(project, run);
    const attempts = (await this.store.attempts(project.id, record.id, undefined)).map(attemptView);
    return {
      run: idFromUuid("run", record.id),
      tasks: attempts.flatMap((attempt) =>
        attempt.summary === null ? [] : [{ task: attempt.task, attempt: attempt.number, markdown: attempt.summary }],
      ),
    };
  }

  async cancel(
    project: ProjectScope,
    run: string,
    by: {
      readonly actor: string;
      readonly reason: string;
      readonly force: boolean;
      readonly graceMs: number | undefined;
    },
  ): Promise<Cancelled> {
    const record = await this.find(project, run);
    const name = runName(record.workflow, record.number);
    if (record.state === "cancelled") return { run: name, state: record.state, already: true };
    if (isRunEnded(record.state)) throw ended(name, record.state);
    const outcome = await this.commit.submit(project.id, record.id, {
      kind: "cancel_run",
      actor: by.actor,
      reason: by.reason,
      force: by.force,
      ...(by.graceMs === undefined ? {} : { graceMs: by.graceMs }),
    });
    return this.cancelled(project, name, run, by.actor, outcome);
  }

  async cancelTask(
    project: ProjectScope,
    run: string,
    key: string,
    by: { readonly actor: string; readonly reason: string },
  ): Promise<Cancelled> {
    const { record, task } = await this.findTask(project, run, key);
    const name = `${runName(record.workflow, record.number)}/${key}`;
    if (task.state === "cancelled") return { run: name, state: task.state, already: true };
    if (isTaskRunEnded(task.state)) throw ended(name, task.state);
    const outcome = await this.commit.submit(project.id, record.id, {
      kind: "cancel_task",
      position: task.position,
      actor: by.actor,
      reason: by.reason,
    });
    return this.cancelled(project, name, run, by.actor, outcome);
  }

  /** Ends a wait before its time. */
  async skipWait(
    project: ProjectScope,
    run: string,
    key: string,
    by: { readonly actor: string; readonly reason: string },
  ): Promise<TaskRunView> {
    const { record, task } = await this.findTask(project, run, key);
    const name = `${runName(record.workflow, record.number)}/${key}`;
    const outcome = await this.commit.submit(project.id, record.id, {
      kind: "skip_wait",
      position: task.position,
      ...by,
    });
    if (outcome.kind === "refused") {
      throw new AppError("state_conflict", `${name} is ${task.state} and has no wait that could be skipped.`, {
        evidence: { state: task.state },
      });
    }
    await this.audit.append(project.id, {
      actor: by.actor,
      action: "runs:retry",
      subject: name,
      detail: { skipped: "wait" },
    });
    return this.task(project, run, key);
  }

  private async cancelled(
    project: ProjectScope,
    name: string,
    run: string,
    actor: string,
    outcome: EventOutcome,
  ): Promise<Cancelled> {
    if (outcome.kind === "refused") throw ended(name, outcome.state);
    if (outcome.kind === "not_found")
      throw new AppError("not_found", `There is no run ${run} in project ${project.name}.`);
    if (outcome.kind !== "accepted" && outcome.kind !== "duplicate") {
      throw new AppError("state_conflict", `${name} could not be cancelled: ${outcome.kind}`);
    }
    if (outcome.kind === "accepted") {
      await this.audit.append(project.id, { actor, action: "runs:cancel", subject: name, detail: {} });
    }
    const { state } = await this.find(project, run);
    return { run: name, state, already: outcome.kind === "duplicate" };
  }

  /** @throws not_found */
  async findTask(
    project: ProjectScope,
    run: string,
    key: string,
  ): Promise<{ readonly record: RunRecord; readonly task: TaskRecord }> {
    const record = await this.find(project, run);
    const task = await this.store.task(project.id, record.id, key);
    if (task !== undefined) return { record, task };
    const name = runName(record.workflow, record.number);
    const index = parseIndexKey(key);
    const group = index === undefined ? undefined : await this.store.task(project.id, record.id, index.task);
    if (index !== undefined && group !== undefined) {
      if (group.map === null)
        throw new AppError("not_found", `${name}/${index.task} has no list yet, or is not mapped.`);
      if (index.index >= group.map.total)
        throw new AppError("not_found", `${name}/${index.task} has ${group.map.total} indexes, from 0 on.`);
      throw new AppError(
        "not_found",
        `${name}/${key} has not begun; capstan explain ${name}/${key} says what it waits for.`,
      );
    }
    const tasks = await this.plannedTasks(project, record);
    throw new AppError("not_found", `${name} has no task ${key}.`, {
      evidence: { tasks: tasks.map((candidate) => candidate.key) },
    });
  }

  async documentOf(project: ProjectScope, record: RunRecord): Promise<CanonicalWorkflow | undefined> {
    return (await this.editions.byId(project, record.workflowId, record.digest))?.document;
  }
}

const withItem = (view: TaskRunView, item: JsonValue | undefined): TaskRunView =>
  item === undefined ? view : { ...view, item: structuredClone(item) as TaskRunView["item"] }; // JSON; the schema's type is not readonly

const ended = (name: string, state: string): AppError =>
  new AppError("state_conflict", `${name} is ${state}; it cannot be cancelled any more.`, { evidence: { state } });

/** Files among the outputs of tasks. Two of one name are told apart by their task and output. */
function filesOf(tasks: readonly TaskRecord[]): StoredFile[] {
  const found: StoredFile[] = [];
  for (const task of tasks) {
    for (const [output, value] of Object.entries(task.outputs ?? {})) {
      const file = fileOf(value);
      if (file !== undefined) found.push({ ...file, task: task.key, output });
    }
  }
  const count = new Map<string, number>();
  for (const file of found) count.set(file.name, (count.get(file.name) ?? 0) + 1);
  return found.map((file) =>
    (count.get(file.name) ?? 0) > 1 ? { ...file, name: `${file.task}.${file.output}.${file.name}` } : file,
  );
}

function fileOf(value: JsonValue): Omit<StoredFile, "task" | "output"> | undefined {
  if (typeof value !== "object" || value === null || !("$file" in value)) return undefined;
  const file = value.$file;
  if (typeof file !== "object" || file === null || !("sha256" in file)) return undefined;
  const { name, size, sha256, mediaType } = file;
  if (typeof name !== "string" || typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  return {
    name,
    sha256,
    sizeBytes: typeof size === "number" ? size : 0,
    mediaType: typeof mediaType === "string" ? mediaType : "application/octet-stream",
  };
}
