// What expressions see of a webhook's request: its body as JSON, its headers and its query; and a CloudEvent, where it is one.
import type { JsonObject, JsonValue } from "@capstan/proto";

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The body of a request by its content type: JSON, or the fields of a form. Undefined where it is not that. */
export function readBody(contentType: string, body: Buffer): JsonValue | undefined {
  const text = new TextDecoder("utf-8", { fatal: true });
  try {
    if (contentType === "application/x-www-form-urlencoded") return formOf(text.decode(body));
    return body.length === 0 ? {} : (JSON.parse(text.decode(body)) as JsonValue); // JSON.parse yields JSON
  } catch {
    return undefined;
  }
}

/** The first of fields that come twice. A `payload` field holds JSON, as GitHub and Slack send it. */
function formOf(text: string): JsonObject {
  const fields: Record<string, JsonValue> = {};
  for (const [name, value] of new URLSearchParams(text)) if (!Object.hasOwn(fields, name)) fields[name] = value;
  const { payload } = fields;
  return typeof payload === "string" ? { ...fields, payload: JSON.parse(payload) as JsonValue } : fields; // as above
}

/** `body`, `headers`, `query` and `event` of a trigger, from what was kept of its request. */
export function requestContext(context: JsonObject, body: Buffer): JsonObject {
  const headers = isObject(context["headers"]) ? context["headers"] : {};
  const read = readBody(mediaTypeOf(headers["content-type"]), body) ?? {};
  const event = cloudEventOf(headers, read);
  return { body: read, headers, query: context["query"] ?? {}, ...(event === undefined ? {} : { event }) };
}

export const mediaTypeOf = (header: JsonValue | undefined): string =>
  typeof header === "string" ? (header.split(";", 1)[0] ?? "").trim().toLowerCase() : "";

/** CloudEvents 1.0, structured or binary, in the form of an event that was sent to us. */
function cloudEventOf(headers: JsonObject, body: JsonValue): JsonObject | undefined {
  if (isObject(body) && body["specversion"] === "1.0" && typeof body["type"] === "string") {
    const { specversion: _, time, ...rest } = body;
    return { ...rest, ...(time === undefined ? {} : { at: time }) };
  }
  if (headers["ce-specversion"] !== "1.0" || typeof headers["ce-type"] !== "string") return undefined;
  const names = Object.keys(headers).filter((name) => name.startsWith("ce-") && name !== "ce-specversion");
  const fields = names.map((name) => [name === "ce-time" ? "at" : name.slice(3), headers[name] ?? null] as const);
  return { ...Object.fromEntries(fields), data: body };
}
