// Live events (SSE). A frame says what changed, so that a client patches what it holds; a lost frame is repaired by
// resuming with Last-Event-ID or, after `reset`, by fetching again.
import { z } from "zod";
import { timeSchema } from "./route.ts";

/** `run:hello-1` or `run:run_…`, `workflow:hello`, `runs`, `agents`, `queue`. At most 20. */
export const liveTopicPattern = /^(?:run:[a-z0-9_-]{1,100}|workflow:[a-z][a-z0-9_]{0,62}|runs|agents|queue)$/;
export const liveTopicsMax = 20;

export const liveFrameTypes = ["run", "task", "attempt", "event", "agent", "queue", "reset"] as const;
export type LiveFrameType = (typeof liveFrameTypes)[number];

/**
 * `run`: subject is the run's id, patch has fields of a run summary (`name`, `workflow`, `state` always).
 * `task`: subject is the task run's key within its run (`run_…/extract`), patch has fields of a task run.
 * `attempt`: subject is the attempt's id, patch has `run`, `task`, `state` and fields of an attempt.
 * `event`: something a task told (`task.progress` …); subject as for `task`, patch is `{ type, detail }`.
 * `agent`: subject is the agent's id, patch has fields of an agent.
 * `queue`: subject is `queue`, patch is the queue's groups.
 * `reset`: the position is too old; fetch again, then go on.
 */
export const liveFrameSchema = z.object({
  subject: z.string(),
  /** `run_…`, where it concerns a run. */
  run: z.string().optional(),
  workflow: z.string().optional(),
  patch: z.record(z.string(), z.json()),
  at: timeSchema,
});
export type LiveFrame = z.infer<typeof liveFrameSchema>;

/** `?topics=run:hello-1,agents` */
export const liveQuery = z.strictObject({ topics: z.string().min(1).max(2500) });
