// What senders have in common beside their signatures: how they name a delivery, and how they try an address.
import type { JsonObject, JsonValue, WebhookScheme } from "@capstan/proto";
import { isObject } from "../trigger/received-request.ts";

type Headers = Readonly<Record<string, string>>;

const field = (body: JsonValue, name: string): string | undefined => {
  const value = isObject(body) ? body[name] : undefined;
  return typeof value === "string" ? value : undefined;
};

/** The sender's name of a delivery; undefined where the scheme has none. */
export function deliveryIdOf(scheme: WebhookScheme, headers: Headers, body: JsonValue): string | undefined {
  switch (scheme) {
    case "standard":
      return headers["webhook-id"];
    case "github":
      return headers["x-github-delivery"];
    case "gitlab":
      return headers["idempotency-key"] ?? headers["x-gitlab-event-uuid"];
    case "stripe":
      return field(body, "id");
    case "slack":
      return field(body, "event_id");
    case "hmac":
    case "bearer":
    case "none":
      return undefined;
  }
}

/** The answer to a sender who tries the address; undefined for a delivery. */
export function trialAnswer(scheme: WebhookScheme, headers: Headers, body: JsonValue): JsonObject | undefined {
  if (scheme === "github" && headers["x-github-event"] === "ping") return {};
  if (scheme === "slack" && field(body, "type") === "url_verification")
    return { challenge: field(body, "challenge") ?? "" };
  return undefined;
}
