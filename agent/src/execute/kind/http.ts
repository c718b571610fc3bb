// `http`: one request, made in the runner. Outputs: status, headers, body (JSON or text up to 256 KiB), bytes, sha256;
// with `saveAs` the body is a file.
import { createHash } from "node:crypto";
import { closeSync, constants, createReadStream, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import {
  AppError,
  evaluateTree,
  inlineValueBytesMax,
  type DynamicJson,
  type HttpAction,
  type JsonObject,
  type JsonValue,
} from "@capstan/proto";
import type { SecretResolver } from "../../secrets/resolver.ts";
import { makeFolderParts, type AttemptFolder } from "../../workspace/directory.ts";
import { keepFile } from "../../workspace/file-store.ts";
import { cacheOf, tellFile } from "../../workspace/kept-data.ts";
import { relativeParts } from "../../workspace/open-beneath.ts";
import type { ExecutorContext, Finished, Prepared } from "../executor.ts";
import { checkedOutputs } from "./collect-outputs.ts";
import { failed, failure } from "./failure.ts";
import {
  badStatus,
  retryAfterMs,
  sendRequest,
  shownUrl,
  webUrl,
  type HttpCall,
  type RequestBody,
} from "./http-request.ts";
import { fileOf, InputFiles } from "./input-files.ts";
import { contextOf, resolveMarks, withSecrets } from "./resolve-fields.ts";

const maxBytesDefault = 64 * 1024 * 1024;
const redirectsMax = 5;

interface HttpPlan {
  readonly call: HttpCall;
  readonly saveAs: string | undefined;
  readonly maxBytes: number;
  readonly expect: readonly (number | string)[];
}

const wrong = (message: string): AppError => new AppError("expression_failed", message);

const object = (value: JsonValue | undefined): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}; // no list, as just checked

function text(value: JsonValue | undefined, field: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw wrong(`${field} is no text`);
}

/** Fields that are written more than once: lists become several pairs. */
function pairsOf(fields: JsonObject, place: string): URLSearchParams {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) continue;
    for (const item of Array.isArray(value) ? (value as readonly JsonValue[]) : [value])
      pairs.append(name, text(item, `${place}.${name}`)); // not narrowed by isArray
  }
  return pairs;
}

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const headerValue = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

export function headersOf(fields: JsonObject): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) {
    const content = text(value, `headers.${name}`);
    // The value is not shown: it may be a secret.
    if (!headerName.test(name) || !headerValue.test(content))
      throw wrong(`headers.${name} cannot be sent: a header is one line of Latin-1`);
    headers[name.toLowerCase()] = content;
  }
  return headers;
}

const isExpected = (status: number, expect: readonly (number | string)[]): boolean =>
  expect.some((range) => {
    const [from = "", to = from] = String(range).split("-");
    return status >= Number(from) && status <= Number(to);
  });

async function planOf(
  context: ExecutorContext,
  action: HttpAction,
  resolver: SecretResolver,
  folder: AttemptFolder,
): Promise<HttpPlan> {
  const marked = evaluateTree(action as unknown as DynamicJson, contextOf(context)) as JsonObject; // an action is a JSON tree
  const secrets = await resolveMarks([marked], context, resolver);
  const fields = object(withSecrets(marked, secrets));
  const url = webUrl(text(fields["url"], "url"));
  if (url === undefined) throw wrong("url is no http or https address");
  for (const [name, value] of pairsOf(object(fields["query"]), "query")) url.searchParams.append(name, value);
  const headers = headersOf(object(fields["headers"]));
  headers["user-agent"] ??= "capstan";
  headers["accept"] ??= "*/*";
  if (url.username !== "" || url.password !== "") {
    headers["authorization"] ??= basicAuth(decodeURIComponent(url.username), decodeURIComponent(url.password));
    url.username = "";
    url.password = "";
  }
  const auth = object(fields["auth"]);
  if (auth["bearer"] !== undefined)
    headers["authorization"] =
      headersOf({ authorization: `Bearer ${text(auth["bearer"], "auth.bearer")}` })["authorization"] ?? "";
  if (auth["basic"] !== undefined) {
    const basic = object(auth["basic"]);
    headers["authorization"] = basicAuth(
      text(basic["user"], "auth.basic.user"),
      text(basic["password"], "auth.basic.password"),
    );
  }
  const body = await bodyOf(context, fields, headers, folder);
  const method = (fields["method"] === undefined ? "GET" : text(fields["method"], "method")).toUpperCase();
  if (!/^[A-Z]{1,20}$/.test(method) || method === "CONNECT")
    throw wrong(`method ${JSON.stringify(method.slice(0, 20))} cannot be sent`);
  const saveAs = fields["saveAs"] === undefined ? undefined : text(fields["saveAs"], "saveAs");
  if (saveAs !== undefined && relativeParts(saveAs)?.length !== 1) throw wrong("saveAs is no plain file name");
  return {
    call: {
      method,
      url,
      headers,
      body,
      followRedirects: Math.min(action.followRedirects ?? 0, redirectsMax),
      ...(action.ca === undefined ? {} : { ca: action.ca }),
    },
    saveAs,
    maxBytes: action.maxBytes ?? maxBytesDefault,
    expect: action.expect?.status ?? ["200-299"],
  };
}

const basicAuth = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

async function bodyOf(
  context: ExecutorContext,
  fields: JsonObject,
  headers: Record<string, string>,
  folder: AttemptFolder,
): Promise<RequestBody> {
  const { json, body, form, file } = fields;
  if (json !== undefined) {
    headers["content-type"] ??= "application/json";
    return JSON.stringify(json);
  }
  if (body !== undefined) {
    headers["content-type"] ??= "text/plain; charset=utf-8";
    return text(body, "body");
  }
  if (form !== undefined) {
    headers["content-type"] ??= "application/x-www-form-urlencoded";
    return pairsOf(object(form), "form").toString();
  }
  if (file === undefined) return undefined;
  const value = fileOf(file);
  if (value === undefined) throw wrong("file is no File");
  const path = await new InputFiles(context, folder).pathOf(value);
  headers["content-type"] ??= value.mediaType;
  headers["content-length"] = String(value.size);
  return () => createReadStream(path);
}

/** @throws expression_failed and what secrets and files throw */
export async function prepareHttp(
  context: ExecutorContext,
  action: HttpAction,
  resolver: SecretResolver,
): Promise<Prepared> {
  const folder = makeFolderParts(context.attemptDir, context.spaceDir, false);
  const plan = await planOf(context, action, resolver, folder);
  return { kind: "inProcess", run: async (signal, log) => await requestOnce(context, plan, folder, signal, log) };
}

async function requestOnce(
  context: ExecutorContext,
  plan: HttpPlan,
  folder: AttemptFolder,
  signal: AbortSignal,
  log: (text: string) => void,
): Promise<Finished> {
  const { method, url } = plan.call;
  log(`${method} ${shownUrl(url)}\n`);
  const answer = await sendRequest(plan.call, signal);
  if (answer.kind === "failed") {
    log(`${answer.failure.message}\n`);
    return failed(answer.failure);
  }
  const { response } = answer;
  try {
    if (!isExpected(response.statusCode, plan.expect)) {
      const after = retryAfterMs(response, Date.now());
      await response.body.dump().catch(() => undefined);
      const given = badStatus(method, answer.url, response);
      log(`${given.message}\n`);
      return failed(given, after === undefined ? {} : { retryAfterMs: after });
    }
    return await takeBody(context, plan, folder, answer, log);
  } catch (error) {
    if (signal.aborted) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return failed(
      failure(
        "error",
        "http_failed",
        `${method} ${shownUrl(answer.url)}: the answer broke off${code === "" ? "" : ` (${code})`}`,
      ),
    );
  } finally {
    await answer.close();
  }
}

const fileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function takeBody(
  context: ExecutorContext,
  plan: HttpPlan,
  folder: AttemptFolder,
  answer: Extract<Awaited<ReturnType<typeof sendRequest>>, { kind: "answer" }>,
  log: (text: string) => void,
): Promise<Finished> {
  const { response, url } = answer;
  const hash = createHash("sha256");
  const inline: Buffer[] = [];
  let bytes = 0;
  const fd = plan.saveAs === undefined ? undefined : openSync(join(folder.work, plan.saveAs), fileFlags, 0o600);
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      // no encoding was set, so chunks are buffers
      bytes += chunk.length;
      if (bytes > plan.maxBytes) {
        response.body.destroy();
        return failed(
          failure(
            "error",
            "http_too_large",
            `${plan.call.method} ${shownUrl(url)}: the answer is larger than maxBytes (${plan.maxBytes})`,
          ),
          { retryable: false },
        );
      }
      hash.update(chunk);
      if (fd === undefined) {
        if (bytes <= inlineValueBytesMax) inline.push(chunk);
      } else {
        let offset = 0;
        while (offset < chunk.length) offset += writeSync(fd, chunk, offset);
      }
    }
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  log(`${response.statusCode}, ${bytes} bytes\n`);
  const headers: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined && name !== "set-cookie") headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  const given: Record<string, JsonValue> = { status: response.statusCode, headers, bytes, sha256: hash.digest("hex") };
  if (plan.saveAs === undefined) {
    if (bytes <= inlineValueBytesMax)
      given["body"] = bodyValue(Buffer.concat(inline), response.headers["content-type"]);
  } else {
    const kept = await keepFile(cacheOf(context, "file"), folder.work, plan.saveAs, plan.maxBytes);
    if (kept.kind === "refused")
      return failed(failure("output", "output_invalid", `the saved answer cannot be read (${kept.why})`));
    const type = response.headers["content-type"];
    const mediaType =
      typeof type === "string" && kept.file.mediaType === "application/octet-stream"
        ? (type.split(";")[0] ?? "").trim()
        : kept.file.mediaType;
    given["file"] = await tellFile(context, "file", kept.path, { ...kept.file, mediaType });
  }
  const checked = checkedOutputs(context, given);
  return checked.kind === "outputs" ? { outcome: "succeeded", outputs: checked.outputs } : failed(checked.failure);
}

function bodyValue(bytes: Buffer, type: string | string[] | undefined): JsonValue {
  const content = bytes.toString("utf8");
  if (!/[/+]json\b/i.test(String(type ?? ""))) return content;
  try {
    return JSON.parse(content) as JsonValue; // JSON by construction
  } catch {
    return content;
  }
}
