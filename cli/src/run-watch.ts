// Following a run until it ends: the stream of events says when to look, a look says what is.
import { AppError, isRunEnded, type RunView, type TaskRunView } from "@capstan/proto";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "./api/client.ts";
import { resumingEvents } from "./api/event-stream.ts";
import { ProblemError } from "./api/problem.ts";

export interface RunPicture {
  readonly run: RunView;
  readonly tasks: readonly TaskRunView[];
}

/** A failure that another try may mend: no connection, or a control plane that says so itself. */
export const isPassing = (error: unknown): boolean =>
  (error instanceof AppError && error.code === "unreachable") ||
  (error instanceof ProblemError && error.problem.retryable);

/** Frames come in bursts; a look every 100 ms is what an eye can follow. */
const lookEveryMs = 100;
/** Without a frame a look is due all the same: a lost frame may cost time, never the end. */
const lookAtLeastEveryMs = 2000;
const patienceMs = 120_000;

async function look(client: Client, run: string): Promise<RunPicture> {
  const [view, tasks] = await Promise.all([
    client.call("runGet", { params: { run } }),
    client.call("taskList", { params: { run }, query: { hooks: true } }),
  ]);
  return { run: view, tasks: tasks.data };
}

/**
 * Pictures of a run, one after each change that was told, the last one of its end. Survives a control plane
 * that is away for up to two minutes.
 * @param until when to look no more, in ms of `performance.now()`; a last picture comes then
 */
export async function* watchRun(client: Client, run: string, until = Infinity): AsyncGenerator<RunPicture> {
  let wake: () => void = () => {};
  let isTold = false;
  const stop = new AbortController();
  const listening = (async () => {
    const open = (last: string | undefined): ReturnType<Client["events"]> =>
      client.events("eventStream", { query: { topics: `run:${run}` }, signal: stop.signal }, last);
    for await (const event of resumingEvents({ open, isPassing, patienceMs, signal: stop.signal })) {
      if (stop.signal.aborted) return;
      isTold = event.type !== "";
      wake();
    }
  })().catch(() => {}); // without the stream the looks go on by themselves
  let seenAt = performance.now();
  try {
    for (;;) {
      isTold = false;
      try {
        const picture = await look(client, run);
        seenAt = performance.now();
        yield picture;
        if (isRunEnded(picture.run.state) || performance.now() >= until) return;
      } catch (error) {
        if (!isPassing(error) || performance.now() - seenAt > patienceMs) throw error;
      }
      await delay(lookEveryMs);
      if (!isTold)
        await new Promise<void>((done) => {
          const timer = setTimeout(done, Math.max(0, Math.min(lookAtLeastEveryMs, until - performance.now())));
          wake = () => {
            clearTimeout(timer); // or the process would outlive the run
            done();
          };
        });
    }
  } finally {
    stop.abort();
    void listening;
  }
}

/** The run once it has ended, or undefined when `timeoutMs` passed first. */
export async function waitForRun(client: Client, run: string, timeoutMs?: number): Promise<RunView | undefined> {
  const end = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  for await (const { run: view } of watchRun(client, run)) {
    if (isRunEnded(view.state)) return view;
    if (performance.now() > end) return undefined;
  }
  return undefined;
}
