// The whole document of language version 1 as one schema. Keys that this release does not run are in it all the same:
// they are refused afterwards as "not supported yet", not as unknown.
import * as z from "zod";
import { onLimitKinds } from "./canonical.ts";
import type { JsonObject } from "../json.ts";
import { hookEntry } from "./hook-schema.ts";
import { durationText, json, nameText, requiredText, secretNameText, text, whole } from "./scalar-schema.ts";
import { defaults, tags, task } from "./task-schema.ts";
import { trigger } from "./trigger.ts";
import { inputDeclaration, typeName } from "./value-schema.ts";

const second = 1000;
const yearMs = 366 * 86_400 * second;
const hooks = z.array(hookEntry).max(20, { error: "too_large: at most 20 entries" });

export const workflowSchema = z.strictObject({
  version: z.literal(1, {
    error: ({ input }) => `unsupported_version: version ${JSON.stringify(input)} is not known; write version: 1`,
  }),
  name: nameText,
  title: text(200).optional(),
  description: text(16_384).optional(),
  owner: text(200).optional(),
  tags: tags.optional(),
  triggers: z.array(trigger).max(50).optional(),
  inputs: z.record(nameText, inputDeclaration).optional(),
  secrets: z.union([z.record(secretNameText, requiredText(512)), z.array(secretNameText)]).optional(),
  vars: z.array(nameText).optional(),
  data: z
    .record(
      nameText,
      z.strictObject({
        allowedOn: z.record(z.string(), z.union([text(1000), z.array(text(1000))])),
        files: z.enum(["local", "central"]).optional(),
        logs: z.enum(["local", "central"]).optional(),
        inline: z.enum(["forbidden", "sealed", "allowed"]).optional(),
        notify: z.enum(["forbidden", "allowed"]).optional(),
      }),
    )
    .optional(),
  calendars: z
    .record(
      nameText,
      z.strictObject({
        weekend: z.array(z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])).optional(),
        holidays: z.array(text(10)).optional(),
        file: text(1000).optional(),
      }),
    )
    .optional(),
  code: z
    .strictObject({
      root: text(1000).optional(),
      include: z.array(text(1000)).optional(),
      exclude: z.array(text(1000)).optional(),
    })
    .optional(),
  environment: text(100).optional(),
  permissions: z.strictObject({ idToken: z.array(text(1000)).optional() }).optional(),
  overridable: z.array(text(1000)).optional(),
  protected: z.boolean().optional(),
  labels: z
    .record(nameText, text(1000))
    .refine((labels) => Object.keys(labels).length <= 20, { error: "too_large: at most 20 labels" })
    .optional(),
  concurrency: z
    .strictObject({
      key: text(4200).optional(),
      limit: whole(1, 1000).optional(),
      onLimit: z.enum(onLimitKinds).optional(),
      maxQueued: whole(1, 100_000).optional(),
    })
    .optional(),
  priority: z.union([whole(1, 5), text(4200)]).optional(),
  fairnessKey: text(4200).optional(),
  timeout: durationText(second, yearMs).optional(),
  cleanupTimeout: durationText(second, yearMs).optional(),
  defaults: defaults.optional(),
  tasks: z.record(nameText, task),
  outputs: z
    .record(
      nameText,
      z.union([
        text(65_536),
        z.strictObject({
          value: json,
          type: typeName.optional(),
          description: text(16_384).optional(),
          sealed: z.boolean().optional(),
        }),
        z.number(),
        z.boolean(),
      ]),
    )
    .optional(),
  hooks: z
    .strictObject({
      onStart: hooks.optional(),
      onSuccess: hooks.optional(),
      onFailure: hooks.optional(),
      onCancel: hooks.optional(),
      onLate: hooks.optional(),
      onRecovery: hooks.optional(),
      onEnd: hooks.optional(),
    })
    .optional(),
  sla: z
    .strictObject({
      startWithin: durationText(second, yearMs).optional(),
      maxDuration: durationText(second, yearMs).optional(),
      finishBy: text(5).optional(),
      timezone: text(100).optional(),
      calendar: nameText.optional(),
    })
    .optional(),
  assets: z
    .array(
      z.strictObject({
        uri: requiredText(2000),
        title: text(200).optional(),
        owner: text(200).optional(),
        freshWithin: durationText(second, yearMs).optional(),
      }),
    )
    .optional(),
});
/** A document that has the right shape; short forms are still short. */
export type WorkflowSource = z.infer<typeof workflowSchema>;

/** JSON Schema (draft-07) of a workflow document, for editors. */
export function workflowJsonSchema(): JsonObject {
  const schema = z.toJSONSchema(workflowSchema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    reused: "ref",
  });
  return { ...(schema as JsonObject), title: "Capstan workflow, version 1" }; // a JSON Schema is JSON
}
