// Notifiers: Slack, e-mail, PagerDuty, Opsgenie, webhook. Each tells once and says why it could not; retries are the task run's business.
import { createHmac, randomUUID } from "node:crypto";
import {
  AppError,
  evaluateTree,
  type DynamicJson,
  type JsonObject,
  type JsonValue,
  type Notifier,
} from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import type { ExecutorContext, Prepared } from "../executor.ts";
import { prepareEmail } from "./email.ts";
import { headersOf } from "./http.ts";
import { webUrl } from "./http-request.ts";
import { cutCharacters, fieldText } from "./notifier-fields.ts";
import { post } from "./notify-post.ts";
import { prepareOpsgenie, preparePagerduty } from "./pager.ts";
import { contextOf, resolveMarks, withSecrets } from "./resolve-fields.ts";
import type { ExecutorSettings } from "./config.ts";

const slackTextMax = 4_000;

/** @throws expression_failed and what secrets and files throw */
export async function prepareNotify(
  context: ExecutorContext,
  notifier: Notifier,
  resolver: SecretResolver,
  settings: ExecutorSettings,
): Promise<Prepared> {
  const marked = evaluateTree(notifier as unknown as DynamicJson, contextOf(context)) as JsonObject; // a notifier is a JSON tree
  const secrets = await resolveMarks([marked], context, resolver);
  const [kind = "", value]: readonly [string?, JsonValue?] =
    Object.entries(withSecrets(marked, secrets) as JsonObject)[0] ?? []; // an object in, an object out
  const fields = value as JsonObject; // the schema says so
  switch (kind) {
    case "slack":
      return prepareSlack(fields, settings);
    case "email":
      return await prepareEmail(context, fields, settings);
    case "pagerduty":
      return preparePagerduty(context, fields, settings);
    case "opsgenie":
      return prepareOpsgenie(context, fields, settings);
    case "webhook":
      return prepareWebhook(context, fields);
    default:
      throw new AppError("setup_failed", `this agent knows no notifier ${kind}`);
  }
}

function prepareSlack(fields: JsonObject, settings: ExecutorSettings): Prepared {
  const text = cutCharacters(fieldText(fields, "text") ?? "", slackTextMax);
  const webhook = fieldText(fields, "webhook");
  const token = fieldText(fields, "token");
  if (webhook !== undefined) {
    const url = webUrl(webhook);
    if (url === undefined) throw new AppError("expression_failed", "slack.webhook is no http or https address");
    // An incoming webhook's path is its secret, so messages name the host only.
    return post(
      {
        method: "POST",
        url,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ text }),
        followRedirects: 0,
      },
      "Slack",
    );
  }
  const channel = fieldText(fields, "channel");
  if (token === undefined || channel === undefined)
    throw new AppError("expression_failed", "slack needs webhook, or token and channel");
  const url = new URL("/api/chat.postMessage", settings.slackOrigin ?? "https://slack.com");
  const headers = {
    "content-type": "application/json; charset=utf-8",
    ...headersOf({ authorization: `Bearer ${token}` }),
  };
  return post({ method: "POST", url, headers, body: JSON.stringify({ channel, text }), followRedirects: 0 }, "Slack", {
    problemOf: slackProblem,
  });
}

/** Slack answers 200 and says in the body what is wrong. */
function slackProblem(body: string): string | undefined {
  try {
    const answer = JSON.parse(body) as { ok?: unknown; error?: unknown }; // only read
    return answer.ok === true ? undefined : `Slack refused the message: ${String(answer.error).slice(0, 100)}`;
  } catch {
    return "Slack's answer is not JSON";
  }
}

function prepareWebhook(context: ExecutorContext, fields: JsonObject): Prepared {
  const url = webUrl(fieldText(fields, "url") ?? "");
  if (url === undefined) throw new AppError("expression_failed", "webhook.url is no http or https address");
  const given = fields["headers"];
  const headers = headersOf(
    typeof given === "object" && given !== null && !Array.isArray(given) ? (given as JsonObject) : {},
  ); // no list, as just checked
  const { attempt, document } = context;
  const { json } = fields;
  const body =
    json !== undefined
      ? JSON.stringify(json)
      : (fieldText(fields, "body") ??
        JSON.stringify({
          type: attempt.task,
          data: { project: attempt.project, workflow: document.name, run: attempt.runName, runId: attempt.run },
        }));
  headers["content-type"] ??= "application/json";
  const sign = fieldText(fields, "sign");
  if (sign !== undefined)
    Object.assign(
      headers,
      standardWebhookHeaders(sign, attempt.taskRun || randomUUID(), Math.floor(Date.now() / 1000), body),
    );
  const method = (fieldText(fields, "method") ?? "POST").toUpperCase();
  if (!/^[A-Z]{1,20}$/.test(method)) throw new AppError("expression_failed", "webhook.method cannot be sent");
  return post({ method, url, headers, body, followRedirects: 0 }, undefined);
}

/**
 * Headers of a signed webhook (https://www.standardwebhooks.com). The id is the task run's, so a retry is known as one.
 * @param secret `whsec_<base64>`, or any text
 */
export function standardWebhookHeaders(
  secret: string,
  id: string,
  atSeconds: number,
  body: string,
): Record<string, string> {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
  const signature = createHmac("sha256", key).update(`${id}.${atSeconds}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(atSeconds), "webhook-signature": `v1,${signature}` };
}
