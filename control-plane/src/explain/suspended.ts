// Task runs that wait for a time, an event, a person or another run: what for, and what to do.
import { failureText, type Explanation } from "@capstan/proto";
import type { TaskRecord } from "../run/run.store.ts";

/** What a suspended task run waits for, in words. */
export function waitsFor(task: Pick<TaskRecord, "reason">): string {
  const { poll, next, errors, maxErrors, error, event, filter, until, title, from, workflow, run } =
    task.reason?.evidence ?? {};
  const question = typeof title === "string" ? ` ${title}` : "";
  const who = Array.isArray(from) ? ` Who may answer: ${from.join(", ")}.` : "";
  const child = typeof workflow === "string" ? ` Workflow: ${workflow}, run ${String(run)}.` : "";
  const what = typeof event === "string" ? ` Event: ${event}.` : "";
  const where = typeof filter === "string" ? ` Condition: ${filter}.` : "";
  if (typeof poll === "number") {
    const failed =
      typeof errors !== "number" ? "" : ` ${errors} failed in a row, ${String(maxErrors)} end it: ${String(error)}.`;
    return ` Poll ${poll} is over, the next is at ${String(next)}.${failed}`;
  }
  return `${question}${who}${child}${what}${where}${typeof until === "string" ? ` Until ${until}.` : ""}`;
}

/** What a person can do about it. */
export function suspendedAdvice(code: string, subject: string): string | null {
  if (code === "waiting_poll") return `wait, or poll now: capstan retry ${subject}`;
  if (code === "waiting_approval") return `answer it: capstan approve ${subject}, or capstan reject ${subject}`;
  return code === "waiting_time" || code === "waiting_event"
    ? `wait, or go on now: capstan skip-wait ${subject}`
    : null;
}

/** Its tries are used, and a person decides. */
export function exhausted(
  name: string,
  task: TaskRecord,
  head: Omit<Explanation, "code" | "since" | "detail" | "do">,
): Explanation {
  const why = task.failure === null ? "" : `: ${failureText(task.failure)}`;
  const tries = task.attempts === 1 ? "its one attempt" : `${task.attempts} attempts`;
  return {
    ...head,
    code: "retries_exhausted",
    since: task.queued,
    detail: `${task.key} failed in ${tries} and waits for a person${why}`,
    do: `grant one more: capstan retry ${name}/${task.key}; or end it: capstan mark ${name}/${task.key} failed --reason …`,
  };
}
