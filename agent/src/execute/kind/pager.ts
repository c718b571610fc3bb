// Who is on call: PagerDuty's Events API v2 and Opsgenie's Alert API v2. One incident for each workflow unless said: a second
// failure joins the first, and a recovery closes it.
import { AppError, type JsonObject, type JsonValue } from "@capstan/proto";
import type { ExecutorContext, Prepared } from "../executor.ts";
import type { ExecutorSettings } from "./config.ts";
import { headersOf } from "./http.ts";
import { cutCharacters, fieldText } from "./notifier-fields.ts";
import { post } from "./notify-post.ts";

const summaryMax = 1024;
const messageMax = 130;
const dedupKeyMax = 255;
const aliasMax = 512;

const object = (value: JsonValue | undefined): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}; // no list, as just checked

const textOf = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "");

interface About {
  readonly summary: string;
  readonly key: string;
  readonly source: string;
  readonly url: string;
  readonly isRecovery: boolean;
}

/** What is told where the author says nothing: the failure in a hook that has one, else the run. */
function aboutOf({ attempt, document }: ExecutorContext): About {
  const run = object(attempt.inputs["run"]);
  const failure = object(run["failure"]);
  const task = textOf(failure["task"]);
  return {
    summary:
      task === ""
        ? `${document.name}: ${attempt.runName}`
        : `${document.name} failed at ${task}: ${textOf(failure["message"])}`,
    key: `capstan/${attempt.project}/${document.name}`,
    source: `capstan/${attempt.project}`,
    url: textOf(run["url"]),
    isRecovery: attempt.task.startsWith("hooks.onRecovery."),
  };
}

/** The `message` of a JSON answer, with its list of errors. */
function wordsOf(body: string): string | undefined {
  try {
    const { message, errors } = object(JSON.parse(body) as JsonValue); // JSON by construction
    const more = Array.isArray(errors) ? ` (${errors.map(String).join("; ")})` : "";
    return typeof message === "string" ? `${message}${more}` : undefined;
  } catch {
    return undefined;
  }
}

const json = { "content-type": "application/json" };

/** https://developer.pagerduty.com/docs/send-alert-event */
export function preparePagerduty(context: ExecutorContext, fields: JsonObject, settings: ExecutorSettings): Prepared {
  const about = aboutOf(context);
  const action = fieldText(fields, "event") ?? (about.isRecovery ? "resolve" : "trigger");
  const routingKey = fieldText(fields, "routingKey") ?? "";
  if (routingKey === "") throw new AppError("expression_failed", "pagerduty.routingKey is empty");
  const payload = {
    summary: cutCharacters(fieldText(fields, "summary") ?? about.summary, summaryMax),
    source: about.source,
    severity: fieldText(fields, "severity") ?? "error",
    component: context.document.name,
    custom_details: { run: context.attempt.runName },
  };
  const body = JSON.stringify({
    routing_key: routingKey,
    event_action: action,
    dedup_key: cutCharacters(fieldText(fields, "dedupKey") ?? about.key, dedupKeyMax),
    ...(action === "trigger" ? { payload, client: "Capstan" } : {}),
    ...(action === "trigger" && about.url !== "" ? { client_url: about.url } : {}),
  });
  const url = new URL("/v2/enqueue", settings.pagerdutyOrigin ?? "https://events.pagerduty.com");
  return post({ method: "POST", url, headers: json, body, followRedirects: 0 }, "PagerDuty", { wordsOf });
}

const opsgenieOrigins: Readonly<Record<string, string>> = {
  us: "https://api.opsgenie.com",
  eu: "https://api.eu.opsgenie.com",
};

/** https://docs.opsgenie.com/docs/alert-api */
export function prepareOpsgenie(context: ExecutorContext, fields: JsonObject, settings: ExecutorSettings): Prepared {
  const about = aboutOf(context);
  const key = fieldText(fields, "apiKey") ?? "";
  if (key === "") throw new AppError("expression_failed", "opsgenie.apiKey is empty");
  const alias = cutCharacters(fieldText(fields, "alias") ?? about.key, aliasMax);
  const isClosing = fields["close"] === undefined ? about.isRecovery : fields["close"] === true;
  const origin = settings.opsgenieOrigin ?? opsgenieOrigins[fieldText(fields, "region") ?? "us"] ?? "";
  const message = fieldText(fields, "message") ?? about.summary;
  const url = new URL(
    isClosing ? `/v2/alerts/${encodeURIComponent(alias)}/close?identifierType=alias` : "/v2/alerts",
    origin,
  );
  const body = JSON.stringify(
    isClosing
      ? { source: about.source, note: cutCharacters(message, messageMax) }
      : {
          message: cutCharacters(message, messageMax),
          alias,
          priority: fieldText(fields, "priority") ?? "P3",
          source: about.source,
          ...(about.url === "" ? {} : { description: about.url }),
          details: { run: context.attempt.runName, workflow: context.document.name },
        },
  );
  const headers = { ...json, ...headersOf({ authorization: `GenieKey ${key}` }) };
  return post({ method: "POST", url, headers, body, followRedirects: 0 }, "Opsgenie", { wordsOf });
}
