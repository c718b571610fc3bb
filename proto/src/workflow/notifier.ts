// Notifiers: how people are told. Used by the action `notify` and by hooks.
import * as z from "zod";
import { json, requiredText, text, textMap } from "./scalar-schema.ts";

export const notifierShape = {
  slack: z
    .strictObject({
      webhook: text(4096).optional(),
      token: text(4096).optional(),
      channel: text(200).optional(),
      text: requiredText(65_536),
    })
    .refine((slack) => (slack.webhook === undefined) !== (slack.token === undefined), {
      error: "missing_key: slack needs webhook, or token and channel",
    })
    .refine((slack) => slack.token === undefined || slack.channel !== undefined, {
      error: "missing_key: slack with a token needs channel",
    })
    .optional(),
  email: z
    .strictObject({
      to: z.union([z.array(text(1000)).min(1).max(50), text(4096)]),
      cc: z.union([z.array(text(1000)).max(50), text(4096)]).optional(),
      subject: text(4096).optional(),
      body: text(65_536).optional(),
      html: z.boolean().optional(),
      smtp: text(4096).optional(),
      attach: z.array(text(4096)).max(20).optional(),
    })
    .optional(),
  pagerduty: z
    .strictObject({
      routingKey: requiredText(4096),
      severity: z.enum(["critical", "error", "warning", "info"]).optional(),
      event: z.enum(["trigger", "acknowledge", "resolve"]).optional(),
      summary: text(4096).optional(),
      dedupKey: text(1000).optional(),
    })
    .optional(),
  opsgenie: z
    .strictObject({
      apiKey: requiredText(4096),
      message: text(4096).optional(),
      priority: z.enum(["P1", "P2", "P3", "P4", "P5"]).optional(),
      alias: text(1000).optional(),
      region: z.enum(["us", "eu"]).optional(),
      close: z.boolean().optional(),
    })
    .optional(),
  webhook: z
    .strictObject({
      url: requiredText(4096),
      method: text(20).optional(),
      headers: textMap.optional(),
      json: json.optional(),
      body: text(65_536).optional(),
      sign: text(4096).optional(),
    })
    .optional(),
};
export const notifierNames = ["slack", "email", "pagerduty", "opsgenie", "webhook"] as const;

export const notifier = z
  .strictObject(notifierShape)
  .refine((given) => notifierNames.filter((name) => given[name] !== undefined).length === 1, {
    error: "bad_value: notify takes exactly one of slack, email, pagerduty, opsgenie, webhook",
  });
