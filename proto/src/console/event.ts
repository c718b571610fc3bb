import { z } from "zod";
import { givenTime } from "./route.ts";

/** Bytes of an event's data as JSON. */
export const eventDataBytesMax = 65_536;

const line = (max: number) => z.string().min(1).max(max);

/** Plain, or a structured CloudEvent 1.0. With an `id` (and a `source`), a repeat is the same event. */
export const sendEventBodySchema = z.strictObject({
  /** `order.paid` */
  type: line(200).regex(/^[\x21-\x7e]+$/),
  data: z
    .json()
    .refine((data) => JSON.stringify(data).length <= eventDataBytesMax, "an event carries at most 64 KiB of data")
    .optional(),
  id: line(200).optional(),
  source: line(500).optional(),
  subject: line(500).optional(),
  time: givenTime().optional(),
  specversion: z.literal("1.0").optional(),
  datacontenttype: z.literal("application/json").optional(),
});

export const sentEventSchema = z.object({
  id: z.string(),
  type: z.string(),
  at: z.string(),
  /** It had been sent before, and nothing was done. */
  already: z.boolean(),
});
export type SentEvent = z.infer<typeof sentEventSchema>;
