// One task, and what `defaults` may give to every task.
import * as z from "zod";
import { joinKinds } from "./canonical.ts";
import { hookEntry } from "./hook-schema.ts";
import { isolation, network, resources, runsOn } from "./placement.ts";
import { retryPolicy } from "./retry-policy.ts";
import { durationText, json, jsonMap, nameText, requiredText, text, whole } from "./scalar-schema.ts";
import { actionShape, pythonEnvironment } from "./task-kind.ts";
import { outputDeclaration } from "./value-schema.ts";
import { tagPattern } from "./scalar-schema.ts";

const second = 1000;
const minute = 60 * second;
const dayMs = 1440 * minute;
const yearMs = 366 * dayMs;

export const tags = z
  .array(text(63).regex(tagPattern, { error: `bad_value: a tag is ${tagPattern.source}` }))
  .max(20, { error: "too_large: at most 20 tags" });
export const envName = /^[A-Za-z_][A-Za-z0-9_]*$/;
export const env = z.record(
  z.string().regex(envName, {
    error: ({ input }) => `bad_name: ${JSON.stringify(input)} is not a name of an environment variable`,
  }),
  z.union([text(131_072), z.number(), z.boolean()]),
);
const condition = z.union([requiredText(4200), z.boolean()]);
export const limit = z.union([nameText, z.strictObject({ name: nameText, weight: whole(1, 1000).optional() })]);

const times = {
  timeout: durationText(second, yearMs).optional(),
  grace: durationText(0, 30 * minute).optional(),
  lease: durationText(30 * second, 7 * dayMs).optional(),
  onLeaseEnd: z.enum(["stop", "continue"]).optional(),
  onLost: z.enum(["retry", "fail", "adopt"]).optional(),
};

/** `null` takes away what `defaults` would give. */
const removable = <T extends z.ZodRawShape>(shape: T): { [K in keyof T]: z.ZodNullable<T[K] & z.ZodType> } =>
  Object.fromEntries(Object.entries(shape).map(([key, part]) => [key, z.nullable(part as z.ZodType)])) as {
    [K in keyof T]: z.ZodNullable<T[K] & z.ZodType>;
  }; // the keys are kept one by one

const inherited = {
  ...times,
  runsOn: runsOn.optional(),
  env: env.optional(),
  retry: retryPolicy.optional(),
  resources: resources.optional(),
  isolation: isolation.optional(),
  priority: whole(1, 5).optional(),
  data: z.union([nameText, z.array(nameText)]).optional(),
};

export const defaults = z.strictObject({
  ...inherited,
  python: z.strictObject({ environment: pythonEnvironment.optional(), warm: z.boolean().optional() }).optional(),
});

const listOrExpression = z.union([z.array(json), text(4200), z.strictObject({ chain: nameText })]);
const assetReference = z.union([
  requiredText(2000),
  z.strictObject({ uri: requiredText(2000), partition: text(500).optional() }),
]);

export const task = z.strictObject({
  ...removable(inherited),
  ...actionShape,
  title: text(200).optional(),
  description: text(16_384).optional(),
  tags: tags.optional(),
  with: jsonMap.optional(),
  needs: z.array(nameText).optional(),
  join: z.enum(joinKinds).optional(),
  if: condition.optional(),
  allowFailure: z.boolean().optional(),
  network: network.optional(),
  poll: z
    .strictObject({
      every: durationText(5 * second, yearMs).optional(),
      backoff: z.number().min(1).max(10).optional(),
      maxEvery: durationText(5 * second, yearMs).optional(),
      until: requiredText(4200).optional(),
      maxErrors: whole(1, 1000).optional(),
      timeout: durationText(second, yearMs).optional(),
    })
    .optional(),
  cache: z
    .strictObject({
      key: text(4200).optional(),
      ttl: durationText(second, 90 * dayMs).optional(),
      scope: z.enum(["workflow", "project"]).optional(),
    })
    .optional(),
  outputs: z.record(nameText, outputDeclaration).optional(),
  reads: z.array(assetReference).optional(),
  writes: z.array(assetReference).optional(),
  timeoutTotal: durationText(second, yearMs).optional(),
  queueTimeout: durationText(second, yearMs).optional(),
  limits: z.array(limit).max(20, { error: "too_large: at most 20 limits" }).optional(),
  concurrency: z.strictObject({ key: text(4200), limit: whole(1, 1000).optional() }).optional(),
  forEach: listOrExpression.optional(),
  matrix: z.record(z.string(), z.union([z.array(json), text(4200)])).optional(),
  maxParallel: whole(1, 10_000).optional(),
  failFast: z.boolean().optional(),
  minSuccess: z
    .union([
      z.string().regex(/^(?:100|[1-9]?\d)%$/, { error: 'bad_value: a share is written "80%"' }),
      whole(0, 10_000),
    ])
    .optional(),
  hooks: z
    .strictObject({
      onSuccess: z.array(hookEntry).max(20).optional(),
      onFailure: z.array(hookEntry).max(20).optional(),
      onRetry: z.array(hookEntry).max(20).optional(),
      onLate: z.array(hookEntry).max(20).optional(),
    })
    .optional(),
  sla: z
    .strictObject({
      startWithin: durationText(second, yearMs).optional(),
      maxDuration: durationText(second, yearMs).optional(),
    })
    .optional(),
  logs: z.strictObject({ onFull: z.enum(["block", "drop"]).optional() }).optional(),
});
export type TaskSource = z.infer<typeof task>;
