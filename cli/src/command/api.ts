import { AppError, type JsonObject, type JsonValue } from "@capstan/proto";
import type { Command } from "commander";
import { readFileSync } from "node:fs";
import type { Client, RawRequest } from "../api/client.ts";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { readText } from "../inputs.ts";

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/** `k=v` of `-f`: JSON where it is JSON, else text; `k=@file` is a file's text. @throws usage file_unreadable */
export function readFields(pairs: readonly string[]): Record<string, JsonValue | JsonValue[]> {
  const fields: Record<string, JsonValue | JsonValue[]> = Object.create(null) as Record<string, JsonValue>; // no prototype: keys come from people
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at <= 0) throw new AppError("usage", `-f ${pair} is not written key=value`);
    const key = pair.slice(0, at);
    const text = pair.slice(at + 1);
    const value = text.startsWith("@") ? readText(text.slice(1)) : jsonOrText(text);
    const before = fields[key];
    fields[key] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return fields;
}

function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue; // JSON gives nothing else
  } catch {
    return text;
  }
}

/** `runs` is within the project, `/api/v1/me` is as it stands. */
export function apiPath(path: string, project: string): string {
  const named = path.replaceAll("{project}", encodeURIComponent(project));
  return named.startsWith("/") ? named : `/api/v1/projects/${encodeURIComponent(project)}/${named}`;
}

/** Adds fields to a path as its query. */
export function withQuery(path: string, fields: Readonly<Record<string, JsonValue | JsonValue[]>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(fields))
    for (const one of Array.isArray(value) ? value : [value])
      query.append(key, typeof one === "string" ? one : JSON.stringify(one));
  const text = query.toString();
  return text === "" ? path : `${path}${path.includes("?") ? "&" : "?"}${text}`;
}

interface ApiFlags {
  readonly field: readonly string[];
  readonly input?: string;
  readonly header: readonly string[];
  readonly paginate?: boolean;
  readonly include?: boolean;
}

function readHeaders(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*([\x20-\x7e\x80-\xff]*)$/.exec(line);
      if (match?.[1] === undefined) throw new AppError("usage", `-H ${line} is not written "Name: value"`);
      if (match[1].toLowerCase() === "authorization")
        throw new AppError("usage", "-H takes no Authorization: tokens come from --token-file or `capstan login`");
      return [match[1], match[2] ?? ""];
    }),
  );
}

function readBytes(file: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(file === "-" ? 0 : file));
  } catch (error) {
    throw new AppError("file_unreadable", `${file === "-" ? "standard input" : file} cannot be read`, { cause: error });
  }
}

/** `capstan api`: any route of the control plane, with the sign-in that the other commands use. */
export function registerApi(program: Command, context: (command: Command) => Context): void {
  program
    .command("api")
    .summary("call any route of the control plane")
    .description(
      "Calls a route and prints its answer. A path without / at its beginning is within the project: runs is /api/v1/projects/PROJECT/runs. " +
        "Fields are the query of GET, HEAD and DELETE, and the JSON body of the others; a value that is JSON is that value, any other is text. " +
        "Every POST carries an Idempotency-Key.",
    )
    .argument("<method>", methods.join(", "))
    .argument("<path>", "such as runs, runs/hello-1 or /api/v1/me")
    .option("-f, --field <key=value>", "a field; key=@file takes a file's text; a repeated one is a list", collect, [])
    .option("--input <file>", "the body, as it stands; - is stdin")
    .option("-H, --header <text>", '"Name: value"; may be repeated', collect, [])
    .option("--paginate", "all pages of a list, as one")
    .option("--include", "print status and headers too, on stderr")
    .addHelpText(
      "before",
      "Examples:\n  capstan api GET runs -f state=failed --paginate --json name,state\n" +
        '  capstan api POST workflows/hello/runs -f \'inputs={"name": "you"}\'\n' +
        "  capstan api PUT variables/region --input value.json\n",
    )
    .action(async (method: string, path: string, flags: ApiFlags, command: Command) => {
      await callApi(context(command), method.toUpperCase(), path, flags);
    });
}

async function callApi(ctx: Context, method: string, path: string, flags: ApiFlags): Promise<void> {
  if (!methods.includes(method)) throw new AppError("usage", `${method} is none of ${methods.join(", ")}`);
  const hasBody = method === "POST" || method === "PUT" || method === "PATCH";
  if (flags.input !== undefined && flags.field.length > 0)
    throw new AppError("usage", "-f and --input exclude one another: both are the body");
  if (flags.input !== undefined && !hasBody) throw new AppError("usage", `${method} has no body, so no --input`);
  if (flags.paginate === true && method !== "GET") throw new AppError("usage", "--paginate is for GET");
  const client = ctx.client();
  const fields = readFields(flags.field);
  const base = apiPath(path, client.project);
  const body = !hasBody ? undefined : flags.input === undefined ? JSON.stringify(fields) : readBytes(flags.input);
  const request: RawRequest = { method, headers: readHeaders(flags.header), ...(body === undefined ? {} : { body }) };
  const address = hasBody ? base : withQuery(base, fields);
  const response = await client.raw(address, request);
  if (flags.include === true) {
    ctx.out.talk(`${response.status} ${response.statusText}`.trimEnd());
    for (const [name, value] of response.headers) ctx.out.talk(`${name}: ${value}`);
  }
  const type = response.headers.get("content-type") ?? "";
  if (!/[/+]json/.test(type)) {
    if (response.body !== null) for await (const chunk of response.body) process.stdout.write(chunk);
    return;
  }
  const first = (await response.json()) as JsonValue; // JSON gives nothing else
  show(ctx, flags.paginate === true ? await allPages(client, address, request, first) : first);
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A list with the rows of all its pages. What is no list is given as it is. */
async function allPages(client: Client, address: string, request: RawRequest, first: JsonValue): Promise<JsonValue> {
  if (!isObject(first) || !Array.isArray(first["data"])) return first;
  const rows: JsonValue[] = [...first["data"]];
  let cursor = first["nextCursor"];
  while (typeof cursor === "string") {
    const response = await client.raw(withQuery(address, { cursor }), request);
    const page = (await response.json()) as JsonValue; // JSON gives nothing else
    if (!isObject(page) || !Array.isArray(page["data"])) break;
    rows.push(...page["data"]);
    cursor = page["nextCursor"];
  }
  return { ...first, data: rows, nextCursor: null };
}

const nameOf = (value: JsonValue): string =>
  isObject(value) ? String(value["name"] ?? value["id"] ?? JSON.stringify(value)) : String(value);

/** Rows where a format is for rows, else the answer as JSON: columns nobody has named. */
function show(ctx: Context, value: JsonValue): void {
  const { out } = ctx;
  const isList = isObject(value) && Array.isArray(value["data"]);
  if (isList && !out.isForPeople) {
    const rows = value["data"] as JsonValue[]; // looked at above
    return out.list(rows, [], nameOf, value);
  }
  out.one(value, nameOf(value), () => `${JSON.stringify(value, null, 2)}\n`);
}
