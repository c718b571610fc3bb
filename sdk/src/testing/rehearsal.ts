// A run in one process: the engine that the control plane runs, one agent that answers from mocks, and a clock that jumps.
//  H1. Decisions are the engine's; here is only what a commit, an agent and a clock would add.
//  H2. Time is virtual: it jumps to whatever is due next, so a back-off of hours costs nothing.
//  H3. A task that is reached, gives something and has no mock is a mistake of the rehearsal, told with the mock it needs.
import {
  AppError,
  checkInputs,
  evaluateTree,
  idFromUuid,
  readWorkflow,
  runName,
  scopeOf,
  type CanonicalWorkflow,
  type Failure,
  type JsonObject,
  type RunState,
  type TaskRunState,
} from "@capstan/proto";
import {
  advance,
  compilePlan,
  dispatch,
  isSettled,
  nameAt,
  offerContext,
  openDraft,
  startRun,
  taskAt,
  type Draft,
  type FinishResult,
  type HistoryItem,
  type PlanTask,
  type Run,
  type RunEvent,
  type TaskRun,
} from "@capstan/control-plane/engine";
import { durationOf, failed, resultOf, sampleOf, timedOut } from "./attempt-end.ts";
import { answerOf, type Mock } from "./mock.ts";
import { awaitedBy, eventsOfAnswer, neededMock } from "./waiting.ts";

export interface RehearsalOptions {
  readonly inputs?: JsonObject;
  /** Variables of the project: every one that the workflow reads. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Task id → what it does instead. */
  readonly mocks?: Readonly<Record<string, Mock>>;
  /** Where the virtual clock starts, Unix ms (2026-01-01T00:00:00Z). */
  readonly nowMs?: number;
}

export interface RehearsedTask {
  readonly task: string;
  readonly hook: boolean;
  readonly state: TaskRunState;
  readonly attempts: number;
  /** `with` as the last attempt got it; undefined where there was none. */
  readonly with: JsonObject | undefined;
  readonly outputs: JsonObject | undefined;
  readonly failure: Failure | undefined;
  /** Why it was skipped or does not go on: code, and evidence. */
  readonly reason: { readonly code: string; readonly evidence?: JsonObject } | undefined;
  /** Virtual, Unix ms. */
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
}

export interface Rehearsed {
  readonly workflow: string;
  readonly digest: string;
  readonly state: RunState;
  readonly outputs: JsonObject | undefined;
  readonly failure: (Failure & { readonly task: string }) | undefined;
  /** By id, for assertions: `run.tasks.load?.state`. Indexes of a mapped task are `train.3`. Hooks are `hooks.onSuccess.0` and the like. */
  readonly tasks: Readonly<Record<string, RehearsedTask>>;
  readonly history: readonly HistoryItem[];
  readonly startedMs: number;
  /** When the last thing happened, hooks included. */
  readonly endedMs: number;
}

const agentId = "rehearsal";
const by = { agentId, session: 1 } as const;
const rehearsedRunId = "00000000-0000-7000-8000-000000000000";
const publicUrl = "http://127.0.0.1:7420";
const stepsMax = 200_000;
const startMs = Date.UTC(2026, 0, 1);

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly event: RunEvent;
}

class Rehearsal {
  #run: Run | undefined;
  nowMs: number;
  readonly history: HistoryItem[] = [];
  readonly given = new Map<number, JsonObject>();
  readonly #document: CanonicalWorkflow;
  readonly #digest: string;
  readonly #mocks: Readonly<Record<string, Mock>>;
  /** By what they are about: an attempt, or a timer of a position. */
  readonly #due = new Map<string, Due>();
  /** Attempts that were made and not answered yet. */
  #fresh: { readonly position: number; readonly task: PlanTask }[] = [];
  /** Of the cache, by key: what this run has brought so far, and who is at work. */
  readonly #kept = new Map<string, JsonObject>();
  readonly #holders = new Map<string, number>();
  /** Task runs that began to wait for somebody or something, with what a child would be given. */
  #waits: { readonly position: number; readonly task: PlanTask; readonly given: JsonObject }[] = [];
  /** How often a task run began to wait. */
  readonly #waited = new Map<number, number>();
  #ids = 0;
  #seq = 0;
  #order = 0;

  constructor(document: CanonicalWorkflow, digest: string, options: RehearsalOptions) {
    this.#document = document;
    this.#digest = digest;
    this.#mocks = options.mocks ?? {};
    this.nowMs = options.nowMs ?? startMs;
  }

  get run(): Run {
    if (this.#run === undefined) throw new Error("the rehearsal has not started");
    return this.#run;
  }

  set run(run: Run) {
    this.#run = run;
  }

  /** What defaults see, before there is a run. */
  early(vars: JsonObject): { readonly vars: JsonObject; readonly run: JsonObject } {
    const { name } = this.#document;
    const { nowMs } = this;
    return {
      vars,
      run: {
        id: idFromUuid("run", rehearsedRunId),
        number: 1,
        url: `${publicUrl}/runs/${runName(name, 1)}`,
        workflow: name,
        version: this.#digest,
        attempt: 1,
        state: "queued",
        scheduledAt: nowMs,
        startedAt: nowMs,
        duration: 0,
        labels: {},
      },
    };
  }

  start(inputs: JsonObject, vars: JsonObject): void {
    const draft = startRun(
      {
        projectId: "rehearsal",
        project: "default",
        workflowId: "rehearsal",
        plan: compilePlan(this.#digest, this.#document),
        inputs,
        labels: {},
        trigger: { kind: "manual", ...(Object.keys(vars).length === 0 ? {} : { vars }) },
        priority: 3,
        runId: rehearsedRunId,
        number: 1,
      },
      this.#around(),
    );
    this.run = this.#commit(draft);
    this.#due.set("deadline", { atMs: this.run.deadlineMs, order: 0, event: { kind: "deadline" } });
  }

  /** Lets time pass until the run and its hooks have ended, or nothing is due any more. */
  async toEnd(): Promise<void> {
    for (let steps = 0; ; steps++) {
      await this.#answerFresh();
      if (isSettled(this.run)) return;
      const next = [...this.#due].toSorted(([, a], [, b]) => a.atMs - b.atMs || a.order - b.order)[0];
      const isWaiting = next !== undefined && (next[0] !== "deadline" || this.run.endedMs === undefined);
      if (!isWaiting) return;
      if (steps >= stepsMax) throw new AppError("internal", `the rehearsal has not ended after ${stepsMax} steps`);
      const [key, due] = next;
      this.#due.delete(key);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.#send(due.event);
    }
  }

  #around(): { nowMs: number; newId: () => string; incarnation: number; publicUrl: string } {
    return {
      nowMs: this.nowMs,
      newId: () => `00000000-0000-7000-8000-${String(++this.#ids).padStart(12, "0")}`,
      incarnation: 1,
      publicUrl,
    };
  }

  #send(event: RunEvent): void {
    const draft = openDraft(this.run, this.#around());
    const outcome = advance(draft, event.kind === "timer" && event.timer === "cache" ? this.#askCache(event) : event);
    // An answer whose form does not fit is the mock's mistake.
    if (event.kind === "decide" && outcome.kind === "invalid") throw new AppError("inputs_invalid", outcome.detail);
    if (draft.isChanged) this.run = this.#commit(draft);
  }

  /** As a commit would: what is ready goes to the one agent, timers stand, orders to stop arrive. */
  #commit(draft: Draft): Run {
    for (const position of draft.ready) {
      const task = draft.task(position);
      if (task?.state !== "queued" || task.reason !== undefined) continue;
      dispatch(draft, position, { ...by, seq: ++this.#seq });
      this.#fresh.push({ position, task: draft.planTask(position) });
    }
    for (const { attemptId, epoch, reason } of draft.cancels) {
      const result: FinishResult =
        reason === "timeout" ? { outcome: "timed_out", failure: timedOut } : { outcome: "cancelled" };
      this.#plan(attemptId, this.nowMs, { kind: "attempt_finished", attemptId, epoch, by, result });
    }
    for (const [key, { position, kind, dueMs, body }] of draft.timers) {
      if (dueMs === undefined) this.#due.delete(`timer ${key}`);
      // What a mock brings is asked of it below.
      else if (kind !== "child_start" && kind !== "event:look")
        this.#plan(`timer ${key}`, dueMs, {
          kind: "timer",
          position,
          timer: kind,
          ...(body === undefined ? {} : { body }),
        });
    }
    for (const { key, position, kept } of draft.cacheEnds) {
      if (this.#holders.get(key) === position) this.#holders.delete(key);
      if (kept !== undefined) this.#kept.set(key, kept.outputs);
      for (const [at, { event }] of this.#due)
        if (event.kind === "timer" && event.timer === "cache" && event.body?.["key"] === key)
          this.#plan(at, this.nowMs, event);
    }
    for (const position of draft.changed) this.#beginWait(draft, position);
    this.history.push(...draft.history);
    return draft.snapshot();
  }

  /** The cache is empty at first: an equal task of this run has worked before, is at work, or this one works. */
  #askCache(event: Extract<RunEvent, { kind: "timer" }>): RunEvent {
    const key = String(event.body?.["key"]);
    const outputs = this.#kept.get(key);
    if (outputs !== undefined) return { ...event, body: { outputs, run: runName(this.#name, 1), runId: this.run.id } };
    const holder = this.#holders.get(key);
    if (holder !== undefined && holder !== event.position)
      return { ...event, body: { holder: { run: runName(this.#name, 1), task: nameAt(this.run, holder) ?? "" } } };
    this.#holders.set(key, event.position);
    return { ...event, body: {} };
  }

  get #name(): string {
    return this.run.plan.document.name;
  }

  /** What begins to wait here for something that no clock brings is answered by its mock. */
  #beginWait(draft: Draft, position: number): void {
    const task = draft.task(position);
    const before = draft.before === undefined ? undefined : taskAt(draft.before, position);
    const kind = awaitedBy(task);
    if (kind === undefined || (awaitedBy(before) === kind && kind !== "child")) return;
    if (kind === "child" && task?.suspension === before?.suspension) return;
    const asked = [...draft.timers.values()].find((one) => one.position === position && one.kind === "child_start");
    // Made by the engine as a map, by input.
    const given = (asked?.body?.["inputs"] ?? {}) as JsonObject;
    this.#waits.push({ position, task: draft.planTask(position), given });
  }

  async #answerWaits(): Promise<void> {
    const waits = this.#waits;
    this.#waits = [];
    for (const { position, task, given } of waits) {
      const name = nameAt(this.run, position) ?? task.key;
      const mock = this.#mocks[name] ?? this.#mocks[task.key];
      const taskRun = taskAt(this.run, position);
      if (awaitedBy(taskRun) === undefined || taskRun === undefined) continue;
      const needed = neededMock(task);
      if (mock === undefined && needed !== undefined) {
        throw new AppError("mock_missing", `the task ${task.key} waits and has no mock; add --mock '${needed}'`);
      }
      if (mock === undefined && !("workflow" in task.task.action)) continue; // nobody answers: its time passes
      const attempt = (this.#waited.get(position) ?? 0) + 1;
      this.#waited.set(position, attempt);
      this.given.set(position, given);
      const answer = await answerOf(mock ?? {}, { task: name, attempt, with: given });
      const atMs = this.nowMs + durationOf(answer, task.key);
      for (const [at, event] of eventsOfAnswer(task, taskRun, answer, atMs).entries())
        this.#plan(`wait ${position} ${at}`, atMs, event);
    }
  }

  #plan(key: string, atMs: number, event: RunEvent): void {
    this.#due.set(key, { atMs, order: ++this.#order, event });
  }

  async #answerFresh(): Promise<void> {
    while (this.#fresh.length + this.#waits.length > 0) {
      await this.#answerWaits();
      const fresh = this.#fresh;
      this.#fresh = [];
      for (const { position, task } of fresh) {
        const live = taskAt(this.run, position)?.live;
        if (live === undefined) continue;
        const { id: attemptId, epoch } = live;
        this.#send({ kind: "attempt_started", attemptId, epoch, by, atMs: this.nowMs });
        const { afterMs, result } = await this.#answer(task, position, live.number);
        this.#plan(attemptId, this.nowMs + afterMs, { kind: "attempt_finished", attemptId, epoch, by, result });
      }
    }
  }

  async #answer(task: PlanTask, position: number, attempt: number): Promise<{ afterMs: number; result: FinishResult }> {
    let given: JsonObject;
    try {
      given = this.#givenTo(task, position);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { afterMs: 0, result: failed({ class: "expression", code: "expression_failed", message }) };
    }
    this.given.set(position, given);
    const name = nameAt(this.run, position) ?? task.key;
    const answer = await answerOf(this.#mockOf(task, name), { task: name, attempt, with: given });
    const afterMs = durationOf(answer, task.key);
    if (task.timeoutMs !== undefined && afterMs > task.timeoutMs)
      return { afterMs: task.timeoutMs, result: { outcome: "timed_out", failure: timedOut } };
    return { afterMs, result: resultOf(answer) };
  }

  /** What the task's agent would make of `with` and `env`. A secret stays its name. */
  #givenTo(task: PlanTask, position: number): JsonObject {
    const context = offerContext(this.run, task, position, this.#around());
    const scope = scopeOf(this.run.plan.document, task.key);
    const whole = { ...context, attempt: { number: 1, id: "", epoch: 1 } };
    if (task.task.env !== undefined) evaluateTree(task.task.env, whole, { scope });
    const given = evaluateTree(task.task.with ?? {}, whole, { scope });
    return given as JsonObject; // a map of expressions gives a map
  }

  /** Of an index alone (`train.3`), else of its task. */
  #mockOf(task: PlanTask, name: string): Mock {
    const own = this.#mocks[name] ?? this.#mocks[task.key];
    if (own !== undefined) return own;
    const declared = Object.keys(task.task.outputs ?? {});
    if (task.hook !== undefined || (declared.length === 0 && task.executor !== "http" && task.executor !== "sql"))
      return {};
    const names = declared.length > 0 ? declared.join(", ") : `what ${task.executor} gives`;
    throw new AppError(
      "mock_missing",
      `the task ${task.key} gives ${names} and has no mock; add --mock '${task.key}=${sampleOf(task)}'`,
    );
  }
}

const rehearsedTask = (name: string, taskRun: TaskRun, given: JsonObject | undefined): RehearsedTask => ({
  task: name,
  hook: name.startsWith("hooks."),
  state: taskRun.state,
  attempts: taskRun.attempts,
  with: given,
  outputs: taskRun.outputs,
  failure: taskRun.failure,
  reason: taskRun.reason,
  startedMs: taskRun.startedMs,
  endedMs: taskRun.endedMs,
});

/** What a rehearsal takes: a workflow of this package, or the text of a document. */
export type Rehearsable = string | { build(): { readonly document: unknown } };

/**
 * Runs a workflow from its start to its end, hooks included, in virtual time.
 * @throws AppError `spec_invalid` `inputs_invalid` `mock_missing`
 */
export async function rehearse(workflow: Rehearsable, options: RehearsalOptions = {}): Promise<Rehearsed> {
  const text = typeof workflow === "string" ? workflow : JSON.stringify(workflow.build().document);
  const { document, digest, problems } = readWorkflow({ text });
  if (document === undefined || digest === undefined)
    throw new AppError("spec_invalid", problems.find(({ severity }) => severity === "error")?.detail ?? "", {
      problems,
    });
  const unknown = Object.keys(options.mocks ?? {}).find(
    (id) => !Object.hasOwn(document.tasks, id.replace(/\.\d+$/, "")) && !id.startsWith("hooks."),
  );
  if (unknown !== undefined) throw new AppError("mock_missing", `there is no task ${unknown} to mock`);
  const vars = options.vars ?? {};
  const missing = document.vars?.find((name) => !Object.hasOwn(vars, name));
  if (missing !== undefined) {
    throw new AppError("mock_missing", `the variable ${missing} has no value; add --var ${missing}=value`);
  }
  const rehearsal = new Rehearsal(document, digest, options);
  const checked = checkInputs(document, options.inputs ?? {}, rehearsal.early(vars));
  const [wrong] = checked.problems;
  if (wrong !== undefined) throw new AppError("inputs_invalid", wrong.detail, { problems: checked.problems });
  rehearsal.start(checked.inputs, vars);
  const { nowMs: startedMs } = rehearsal;
  await rehearsal.toEnd();
  const { run } = rehearsal;
  const indexes = run.groups.flatMap(({ base, size }) => Array.from({ length: size }, (_, index) => base + index));
  const tasks = [...run.plan.tasks.keys(), ...indexes].flatMap((position) => {
    const taskRun = taskAt(run, position);
    const name = nameAt(run, position);
    if (taskRun === undefined || name === undefined) return [];
    return [[name, rehearsedTask(name, taskRun, rehearsal.given.get(position))] as const];
  });
  return {
    workflow: document.name,
    digest,
    state: run.state,
    outputs: run.outputs,
    failure: run.failure,
    tasks: Object.fromEntries(tasks),
    history: rehearsal.history,
    startedMs,
    endedMs: rehearsal.nowMs,
  };
}
