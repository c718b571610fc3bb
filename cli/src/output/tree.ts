// A run and its tasks, as `status` and `run --watch` show them.
import { failureText, formatDuration, type MappedView, type RunView, type TaskRunView } from "@capstan/proto";
import stringWidth from "string-width";
import type { Output } from "./output.ts";
import { printable } from "./table.ts";

const since = (from: string | null, to: string | null, now: number): string =>
  from === null ? "" : formatDuration(Math.max(0, (to === null ? now : Date.parse(to)) - Date.parse(from)));

const shortValue = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
};

/** What a line needs to know of a task run. */
type Shown = Pick<
  TaskRunView,
  "task" | "state" | "attempts" | "startedAt" | "endedAt" | "dueAt" | "needs" | "outputs"
> & {
  readonly failure: (Parameters<typeof failureText>[0] & { readonly code: string }) | null;
  readonly reason: { readonly code: string } | null;
  readonly agent: { readonly name: string } | null;
  /** What only a run of the control plane can be. */
  readonly reused?: TaskRunView["reused"];
  readonly cached?: TaskRunView["cached"];
  readonly marked?: TaskRunView["marked"];
  readonly mapped?: MappedView | null;
};

/** `3/5  1 at work, 1 failed`: how the indexes of a mapped task stand. */
function mappedText({ total, succeeded, running, failed, skipped, cancelled }: MappedView): string {
  const parts = [
    [running, "at work"],
    [failed, "failed"],
    [skipped, "skipped"],
    [cancelled, "cancelled"],
  ] as const;
  const rest = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return [`${succeeded}/${total}`, rest.join(", ")].filter((part) => part !== "").join("  ");
}

function remark(task: Shown, now: number): string {
  if (task.reused != null) return `re-used from ${task.reused.name}`;
  if (task.cached != null) return `cached from ${task.cached.name}`;
  if (task.marked != null) return `marked by ${task.marked.actor}: ${task.marked.reason}`;
  if (task.mapped != null) {
    const counts = mappedText(task.mapped);
    return task.failure === null ? counts : `${counts}  ${task.failure.code}: ${failureText(task.failure)}`;
  }
  if (task.failure !== null) return `${task.failure.code}: ${failureText(task.failure)}`;
  if (task.state === "retrying" && task.dueAt !== null)
    return `attempt ${task.attempts + 1} in ${formatDuration(Math.max(0, Date.parse(task.dueAt) - now))}`;
  if (task.state === "suspended" && task.reason?.code === "waiting_poll" && task.dueAt !== null)
    return `poll ${task.attempts + 1} in ${formatDuration(Math.max(0, Date.parse(task.dueAt) - now))}`;
  if (task.state === "waiting" || task.state === "queued" || task.state === "skipped") {
    if (task.reason !== null) return task.reason.code;
    return task.needs.length > 0 ? `needs_pending: ${task.needs.join(", ")}` : "";
  }
  return Object.entries(task.outputs ?? {})
    .map(([name, value]) => `${name} ${shortValue(value)}`)
    .join("  ");
}

/** One line per task: symbol, name, time, what there is to say, agent. */
export function taskLine(out: Output, task: Shown, width: number, now: number): string {
  const name = task.task + " ".repeat(Math.max(0, width - stringWidth(task.task)));
  const parts = [
    `${out.symbol(task.state)} ${name}`,
    since(task.startedAt, task.endedAt, now).padEnd(8),
    printable(remark(task, now)),
    out.tone("grey", task.agent?.name ?? ""),
  ];
  return parts
    .filter((part, i) => i < 2 || part !== "")
    .join("  ")
    .trimEnd();
}

/** Index task runs that are shown below their mapped task, by its name. */
export type ShownIndexes = ReadonlyMap<string, readonly TaskRunView[]>;

/** Head line and a line per task; hooks only once they have begun, indexes of a mapped task below it. */
export function runTree(
  out: Output,
  run: RunView,
  tasks: readonly TaskRunView[],
  page: string,
  now = Date.now(),
  indexes: ShownIndexes = new Map(),
): string {
  const shown = tasks.filter((task) => !task.hook || task.startedAt !== null || task.state === "failed");
  const width = Math.max(8, ...shown.map((task) => stringWidth(task.task)));
  const lines = shown.flatMap((task) => [
    taskLine(out, task, width, now),
    ...(indexes.get(task.task) ?? []).map((index) => `  ${taskLine(out, index, width, now)}`),
  ]);
  const head = `${out.colors.bold(run.name)}  ${out.state(run.state)}  version ${run.version} (${run.digest.replace("sha256:", "").slice(0, 7)})  ${page}`;
  const failure =
    run.failure === null
      ? []
      : [
          out.tone(
            "red",
            `  ${printable(`${run.failure.task === undefined ? "" : `${run.failure.task}: `}${failureText(run.failure)}`)}`,
          ),
        ];
  const changed = Object.entries(run.overrides?.set ?? {}).map(([pointer, value]) =>
    out.tone("grey", printable(`  ${pointer} ${shortValue(value)}`)),
  );
  const total = `${out.isAscii ? "--" : "──"} ${since(run.createdAt, run.endedAt, now)}`;
  return [head, ...changed, ...lines, ...failure, total].join("\n") + "\n";
}
