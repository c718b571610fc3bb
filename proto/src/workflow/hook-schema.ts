// An entry of `hooks`: one notifier or one action of an agent.
import * as z from "zod";
import { notifierShape } from "./notifier.ts";
import { runsOn } from "./placement.ts";
import { retryPolicy } from "./retry-policy.ts";
import { durationText, jsonMap, requiredText, text } from "./scalar-schema.ts";
import { actionShape } from "./task-kind.ts";

const second = 1000;

export const hookEntry = z.strictObject({
  ...notifierShape,
  run: actionShape.run,
  python: actionShape.python,
  node: actionShape.node,
  http: actionShape.http,
  sql: actionShape.sql,
  container: actionShape.container,
  uses: actionShape.uses,
  notify: actionShape.notify,
  if: z.union([requiredText(4200), z.boolean()]).optional(),
  with: jsonMap.optional(),
  env: z.record(z.string(), z.union([text(131_072), z.number(), z.boolean()])).optional(),
  runsOn: runsOn.optional(),
  timeout: durationText(second, 86_400 * second).optional(),
  retry: retryPolicy.optional(),
});
export type HookSource = z.infer<typeof hookEntry>;
