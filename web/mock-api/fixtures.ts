// Runs as the API would tell them, typed by the route table. A run's name decides what it shows.
import type { AttemptView, LogLine, RunState, RunSummary, RunView, TaskRunState, TaskRunView } from "@capstan/proto";

const start = Date.parse("2026-11-23T09:00:00.000Z");
const at = (secondsAfter: number): string => new Date(start + secondsAfter * 1000).toISOString();
const agent = { id: "ag_01k3tt1dy3fpd8yfgt5cy4tqkf", name: "laptop" };

export const runNames = ["full-1", "failing-1", "running-1", "hello-1"] as const;
export const logLinesMax = 1_000_000;

const stateOf = (name: string): RunState =>
  name.startsWith("failing") ? "failed" : name.startsWith("running") ? "running" : "succeeded";
const failure = {
  class: "error",
  code: "exception",
  type: "ValueError",
  file: "load.py",
  line: 42,
  exitCode: 1,
  task: "load",
  message: "ValueError: could not convert string to float: 'n/a' (row 1 204, column temp_max)",
};

export function runOf(name: string): RunView {
  const state = stateOf(name);
  const tasks = tasksOf(name);
  const taskCounts: Partial<Record<TaskRunState, number>> = {};
  for (const task of tasks) taskCounts[task.state] = (taskCounts[task.state] ?? 0) + 1;
  return {
    id: `run_${name.replaceAll("-", "_")}`,
    name,
    workflow: name.replace(/-\d+$/, ""),
    number: Number(/\d+$/.exec(name)?.[0] ?? 1),
    digest: `sha256:${"0".repeat(64)}`,
    state,
    trigger: { kind: "cli", actor: "local" },
    labels: {},
    priority: 0,
    createdAt: at(0),
    startedAt: at(0.2),
    endedAt: state === "running" ? null : at(73.4),
    failure: state === "failed" ? failure : null,
    version: 3,
    overrides: null,
    deadlineAt: null,
    inputs: { url: "http://127.0.0.1:8099/seattle-weather.csv" },
    outputs: null,
    cancel: null,
    attempt: 1,
    origin: null,
    late: [],
    pause: null,
    taskCounts,
  };
}

export function runListOf(count: number): readonly RunSummary[] {
  const named = runNames.map((name) => runOf(name));
  return [
    ...named,
    ...Array.from({ length: Math.max(0, count - named.length) }, (_, place) => ({
      ...runOf(place % 7 === 3 ? `failing-${count - place}` : `hello-${count - place}`),
      createdAt: at(-60 * place),
    })),
  ];
}

function taskOf(name: string, position: number, state: TaskRunState, more: Partial<TaskRunView> = {}): TaskRunView {
  const ended = state === "succeeded" || state === "failed";
  const started = ended || state === "running";
  return {
    id: `tr_${position}`,
    task: name,
    index: 0,
    position,
    hook: false,
    title: null,
    action: "run",
    needs: [],
    state,
    attempts: started ? 1 : 0,
    epoch: 1,
    agent: started ? agent : null,
    createdAt: at(0),
    queuedAt: at(0),
    startedAt: started ? at(0.4 + position / 1000) : null,
    endedAt: ended ? at(3.1 + position / 100) : null,
    dueAt: null,
    outputs: null,
    failure: null,
    reason: null,
    mapped: null,
    late: [],
    reused: null,
    cached: null,
    marked: null,
    ...more,
  };
}

export function tasksOf(name: string): readonly TaskRunView[] {
  if (name.startsWith("full"))
    return Array.from({ length: 10_000 }, (_, place) =>
      taskOf(`part_${String(place).padStart(5, "0")}`, place, "succeeded"),
    );
  if (name.startsWith("failing"))
    return [
      taskOf("download", 0, "succeeded", { action: "http" }),
      taskOf("load", 1, "failed", { action: "python", attempts: 2, failure }),
      taskOf("report", 2, "skipped", { reason: { code: "skipped_by_need" } }),
      taskOf("hooks.onFailure.0", 3, "succeeded", { hook: true, action: "notify" }),
    ];
  if (name.startsWith("running"))
    return [
      taskOf("download", 0, "succeeded", { action: "http" }),
      taskOf("load", 1, "running", { action: "python" }),
      taskOf("report", 2, "waiting"),
    ];
  return [
    taskOf("greet", 0, "succeeded", { outputs: { name: "Capstan" } }),
    taskOf("shout", 1, "succeeded", { action: "python" }),
  ];
}

export function attemptsOf(run: string, task: string): readonly AttemptView[] {
  const row = tasksOf(run).find((each) => each.task === task);
  return Array.from({ length: row?.attempts ?? 0 }, (_, place) => ({
    id: `att_${run}_${task}_${place + 1}`,
    task,
    number: place + 1,
    epoch: place + 1,
    state: row?.state === "failed" ? "failed" : row?.state === "running" ? "running" : "succeeded",
    agent,
    offeredAt: at(0.3),
    startedAt: at(0.4),
    endedAt: row?.endedAt ?? null,
    exitCode: row?.state === "failed" ? 1 : 0,
    signal: null,
    summary: null,
    failure: row?.state === "failed" ? failure : null,
    log: null,
  }));
}

export const lineCountOf = (run: string): number =>
  run.startsWith("full") ? logLinesMax : run.startsWith("running") ? 120 : 60;

export function lineOf(run: string, task: string, attempt: number, line: number): LogLine {
  const last = lineCountOf(run) - 1;
  const failing = run.startsWith("failing") && task === "load";
  const trace = [
    "Traceback (most recent call last):",
    '  File "load.py", line 42, in main',
    '    value = float(row["temp_max"])',
    "\u001b[31;1mValueError\u001b[0m: could not convert string to float: 'n/a'",
  ];
  const text =
    failing && line > last - 4
      ? (trace[line - last + 3] ?? "")
      : line % 17 === 5
        ? `\u001b[32m✓\u001b[0m batch ${line} \u001b[2mchecked\u001b[0m in \u001b[1m12 ms\u001b[0m`
        : line % 29 === 7
          ? "<script>window.__xss = 1</script> is only text"
          : `row ${line}: date=2015-06-${String((line % 30) + 1).padStart(2, "0")} precipitation=${(line % 13) / 10} temp_max=${20 + (line % 9)}`;
  return {
    task,
    attempt,
    line,
    at: at(1 + line / 1000),
    stream: failing && line > last - 4 ? "stderr" : line === 11 ? "system" : "stdout",
    text: line === 11 ? "[1,432 bytes lost: disk full]" : text,
  };
}
