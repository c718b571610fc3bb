// Why something waits, or why it ended as it did.
import { z } from "zod";
import { failureViewSchema } from "./run.ts";
import { timeSchema } from "./route.ts";

/** One narrowing of the agents: how many are left after this requirement, and the first three names. */
export const funnelStepSchema = z.object({
  step: z.string(),
  count: z.number().int(),
  agents: z.array(z.string()),
});

export const explanationSchema = z.object({
  /** `hello-1` or `hello-1/extract` */
  subject: z.string(),
  run: z.string(),
  task: z.string().nullable(),
  state: z.string(),
  /** A reason code where it waits or was skipped, the failure's code where it failed, else the state. */
  code: z.string(),
  /** One sentence. */
  detail: z.string(),
  since: timeSchema.nullable(),
  evidence: z.record(z.string(), z.json()),
  /** For tasks that wait for an agent. */
  funnel: z.array(funnelStepSchema).optional(),
  /** The agent that passed most, and what it lacks. */
  nearest: z.object({ agent: z.string(), lacks: z.string() }).optional(),
  failure: failureViewSchema.nullable(),
  /** At most one next step; null where there is nothing to do. */
  do: z.string().nullable(),
});
export type Explanation = z.infer<typeof explanationSchema>;

/** The run itself first, then the tasks that hold it up or broke it. */
export const runExplanationSchema = explanationSchema.extend({ tasks: z.array(explanationSchema) });
export type RunExplanation = z.infer<typeof runExplanationSchema>;
