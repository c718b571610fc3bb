import { z } from "zod";
import { queryFlag, queryInteger, timeSchema } from "./route.ts";

export const logLineSchema = z.object({
  /** Task key and attempt number that wrote it. */
  task: z.string(),
  attempt: z.number().int(),
  /** From 0 within the attempt. */
  line: z.number().int(),
  at: timeSchema,
  /** `system` are lines of ours: gaps, the end of an attempt. */
  stream: z.enum(["stdout", "stderr", "system"]),
  text: z.string(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** One attempt's log as far as it is stored. */
export const logStreamSchema = z.object({
  task: z.string(),
  attempt: z.number().int(),
  attemptId: z.string(),
  bytes: z.number().int(),
  lines: z.number().int(),
  /** `kept`: its data class keeps it on the agent's host, and not a line of it is here. */
  state: z.enum(["open", "complete", "incomplete", "kept"]),
  /** Of the whole stream, once it is complete. */
  sha256: z.string().nullable(),
  /** Where a log is that is kept: the agent, its store, and what to call on that host. */
  keptBy: z.object({ agent: z.string(), store: z.string(), command: z.string() }).optional(),
});
export type LogStreamView = z.infer<typeof logStreamSchema>;

/** A window of lines. For a whole run: its attempts in the order of their start, unless `task` narrows it. */
export const logWindowSchema = z.object({
  run: z.string(),
  data: z.array(logLineSchema),
  /** `fromLine` of the next window of the same attempt; null at the end of what is stored. */
  nextLine: z.number().int().nullable(),
  /** Opaque; for a window over several attempts. Null at the end. */
  nextCursor: z.string().nullable(),
  streams: z.array(logStreamSchema),
});
export type LogWindow = z.infer<typeof logWindowSchema>;

export const runLogQuery = z.strictObject({
  task: z.string().max(200).optional(),
  attempt: queryInteger(1, 1_000_000).optional(),
  fromLine: queryInteger(0, Number.MAX_SAFE_INTEGER).optional(),
  cursor: z.string().max(1024).optional(),
  limit: queryInteger(1, 10_000).optional(),
  /** The last N lines instead of the first. */
  tail: queryInteger(1, 10_000).optional(),
  /** Answer as a stream of events until the logs end. */
  follow: queryFlag().optional(),
});
export const taskLogQuery = runLogQuery.omit({ task: true });
export const rawLogQuery = z.strictObject({
  task: z.string().max(200).optional(),
  attempt: queryInteger(1, 1_000_000).optional(),
});

// Followed logs, as server-sent events: `lines` and `stream` frames, then one `end`. The id resumes by Last-Event-ID.
export const logLinesFrameSchema = z.object({
  task: z.string(),
  attempt: z.number().int(),
  attemptId: z.string(),
  /** At most 500. */
  lines: z.array(logLineSchema),
});
export type LogLinesFrame = z.infer<typeof logLinesFrameSchema>;
export const logEndFrameSchema = z.object({ run: z.string(), state: z.string() });
export type LogEndFrame = z.infer<typeof logEndFrameSchema>;
export const logFrameTypes = ["lines", "stream", "end"] as const;
