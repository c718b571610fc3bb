// Live frames applied to what is on the screen. Pure: the same frames twice change nothing more.
import type { LiveFrame, RunSummary, RunView, TaskRunState, TaskRunView } from "@capstan/proto";

/** Fields that a frame may change; all else is fixed for the life of a row. */
function patched<T extends { readonly state: string }>(row: T, patch: LiveFrame["patch"]): T {
  let changed = false;
  const next: Record<string, unknown> = { ...row };
  for (const [key, value] of Object.entries(patch)) {
    if (!(key in row) || key === "id" || Object.is(next[key], value)) continue;
    next[key] = value;
    changed = true;
  }
  // Same keys as `row`, values as the route table types them: the server writes both from one view.
  return changed ? (next as T) : row;
}

export function patchRun(run: RunView, frames: readonly LiveFrame[]): RunView {
  return frames.reduce((current, frame) => (frame.subject === run.id ? patched(current, frame.patch) : current), run);
}

/** The rows with the frames applied, and the ids of runs that are not among them. */
export function patchRuns(
  runs: readonly RunSummary[],
  frames: readonly LiveFrame[],
): { readonly runs: readonly RunSummary[]; readonly unknown: readonly string[] } {
  const places = new Map(runs.map((run, place) => [run.id, place]));
  const next = [...runs];
  const unknown = new Set<string>();
  let changed = false;
  for (const frame of frames) {
    const place = places.get(frame.subject);
    const row = place === undefined ? undefined : next[place];
    if (place === undefined || row === undefined) {
      unknown.add(frame.subject);
      continue;
    }
    const after = patched(row, frame.patch);
    if (after !== row) changed = true;
    next[place] = after;
  }
  return { runs: changed ? next : runs, unknown: [...unknown] };
}

/** A task frame's subject is `run_…/extract`, or `run_…/train.3` for an index of a mapped task. */
export function patchTasks(tasks: readonly TaskRunView[], frames: readonly LiveFrame[]): readonly TaskRunView[] {
  if (frames.length === 0) return tasks;
  const places = new Map(tasks.map((task, place) => [task.task, place]));
  const next = [...tasks];
  let changed = false;
  for (const frame of frames) {
    const key = frame.subject.slice(frame.subject.indexOf("/") + 1);
    const place = places.get(key);
    const row = place === undefined ? undefined : next[place];
    if (place === undefined || row === undefined) continue;
    const after = patched(row, frame.patch);
    if (after === row) continue;
    next[place] = after;
    changed = true;
  }
  return changed ? next : tasks;
}

export function countTasks(tasks: readonly TaskRunView[]): Partial<Record<TaskRunState, number>> {
  const counts: Partial<Record<TaskRunState, number>> = {};
  for (const task of tasks) counts[task.state] = (counts[task.state] ?? 0) + 1;
  return counts;
}
