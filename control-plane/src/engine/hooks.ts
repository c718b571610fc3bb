// Hooks: what is done on agents because something happened to a run or a task. A hook is a task run beside the graph: it is
// ready at once, changes no outcome and settles nothing.
//  K1. Hooks are called by what happens and started when the event has settled, so they see what came of it.
//  K2. Each entry runs once per run: for the first retry, the first mark of lateness.
//  K3. A hook waits at most a day for an agent; one that fails or finds none is told as `hook_failed`.
import type { HookName } from "@capstan/proto";
import type { Draft } from "./draft.ts";
import { consider, newTaskRun } from "./task-machine.ts";

const noNeeds = { open: 0, ok: 0, tolerated: 0, fail: 0, cancel: 0, skip: 0 } as const;

/** Starts the hooks of a run that were called for by these events. */
export function startHooks(draft: Draft, names: readonly HookName[]): void {
  const { tasks, graphSize } = draft.run.plan;
  for (let position = graphSize; position < tasks.length; position++) {
    const planTask = draft.planTask(position);
    if (planTask.hook === undefined || planTask.hookOf !== undefined || !names.includes(planTask.hook)) continue;
    startHook(draft, position);
  }
}

/** Starts what was called while an event was applied. */
export function startCalledHooks(draft: Draft): void {
  for (let call = draft.called.shift(); call !== undefined; call = draft.called.shift()) {
    if (call.position < 0) {
      startHooks(draft, [call.name]);
      continue;
    }
    for (const position of draft.planTask(call.position).hooks) {
      if (draft.planTask(position).hook === call.name) startHook(draft, position);
    }
  }
}

function startHook(draft: Draft, position: number): void {
  if (draft.task(position) !== undefined) return;
  draft.make(newTaskRun(draft, position, noNeeds));
  // Its condition, and whether what it is to be sent can be sent at all, as for a task.
  consider(draft, position);
}
