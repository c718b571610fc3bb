// Where a task may run: labels, pool, resources, isolation.
import * as z from "zod";
import { fraction, nameText, requiredText, sizeValue, text, whole } from "./scalar-schema.ts";

const labelValue = z.union([text(1000), z.array(text(1000)).min(1).max(50)]);

/** `pool`, `expr` and `prefer` are ours; every other key is a label. */
export const runsOn = z
  .object({
    pool: nameText.optional(),
    expr: requiredText(4096).optional(),
    prefer: z
      .array(
        z.strictObject({
          labels: z.record(z.string(), labelValue).optional(),
          sameAs: nameText.optional(),
          weight: whole(1, 100),
        }),
      )
      .optional(),
  })
  .catchall(labelValue);
export type RunsOnSource = z.infer<typeof runsOn>;

export const resources = z.strictObject({
  slots: whole(1, 1000).optional(),
  cpu: fraction(0, 1024).optional(),
  memory: sizeValue.optional(),
  gpu: fraction(0, 64).optional(),
  disk: sizeValue.optional(),
});

const isolationLevel = z.enum(["L0", "L1", "L2", "own-runner"]);
export const isolation = z.union([
  isolationLevel,
  z
    .array(isolationLevel)
    .min(1)
    .refine((levels) => levels.filter((level) => level !== "own-runner").length <= 1, {
      error: "bad_value: isolation names one level, and own-runner beside it",
    }),
]);
export const network = z.union([z.enum(["default", "none"]), z.strictObject({ allow: z.array(text(300)).min(1) })]);
