import {
  AppError,
  endpointEvents,
  endpointFormats,
  type ChangeEndpointBody,
  type EndpointEvent,
  type EndpointFormat,
  type EndpointView,
  type MessageView,
} from "@capstan/proto";
import { InvalidArgumentError, type Command } from "commander";
import { collect } from "../collect.ts";
import { confirmName } from "../confirm.ts";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";
import { didYouMean } from "../suggestion.ts";

const columns: readonly Column<EndpointView>[] = [
  { title: "ENDPOINT", key: "id", value: (one) => one.id },
  { title: "URL", key: "url", value: (one) => one.url },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "WORKFLOWS", key: "workflows", value: (one) => one.workflows?.join(" ") ?? "all" },
  { title: "TYPES", key: "types", value: (one) => one.types.join(" ") },
  { title: "FORMAT", key: "format", value: (one) => one.format, isWide: true },
  { title: "WHY", key: "reason", value: (one) => one.reason ?? "" },
];

const messageColumns: readonly Column<MessageView>[] = [
  { title: "MESSAGE", key: "id", value: (one) => one.id },
  { title: "TYPE", key: "type", value: (one) => one.type },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "TRIES", key: "attempts", value: (one) => String(one.attempts) },
  { title: "LAST", key: "tries", value: (one) => lastOf(one) },
  { title: "NEXT", key: "nextAt", value: (one) => one.nextAt ?? "" },
];

function lastOf({ tries }: MessageView): string {
  const last = tries.at(-1);
  return last === undefined ? "" : (last.error ?? String(last.status));
}

const isType = (text: string): text is EndpointEvent => Object.hasOwn(endpointEvents, text);
function type(text: string, before: readonly EndpointEvent[]): EndpointEvent[] {
  const known = Object.keys(endpointEvents);
  if (!isType(text)) throw new InvalidArgumentError(`one of ${known.join(", ")}.${didYouMean(text, known)}`);
  return [...before, text];
}

function format(text: string): EndpointFormat {
  const found = endpointFormats.find((known) => known === text);
  if (found === undefined) throw new InvalidArgumentError(`one of ${endpointFormats.join(", ")}`);
  return found;
}

interface ChangeFlags {
  readonly url?: string;
  readonly type: readonly EndpointEvent[];
  readonly workflow: readonly string[];
  readonly allWorkflows?: boolean;
  readonly description?: string;
  readonly format?: EndpointFormat;
  readonly disable?: boolean;
}

/** What is to be changed. @throws usage where nothing is */
function changeOf(flags: ChangeFlags): ChangeEndpointBody {
  const body: ChangeEndpointBody = {
    ...(flags.url === undefined ? {} : { url: flags.url }),
    ...(flags.type.length === 0 ? {} : { types: [...flags.type] }),
    ...(flags.allWorkflows === true ? { workflows: null } : {}),
    ...(flags.workflow.length === 0 ? {} : { workflows: [...flags.workflow] }),
    ...(flags.description === undefined ? {} : { description: flags.description }),
    ...(flags.format === undefined ? {} : { format: flags.format }),
    ...(flags.disable === true ? { enabled: false } : {}),
  };
  if (Object.keys(body).length === 0) throw new AppError("usage", "say what to change, such as --type run.failed");
  return body;
}

/** `capstan endpoints`: addresses that are told what happens to runs. */
export function registerEndpoints(program: Command, context: (command: Command) => Context): void {
  const endpoints = program.command("endpoints").summary("addresses that are told what happens to runs");
  endpoints
    .command("list")
    .summary("endpoints, and whether they take what is sent")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("endpointList");
      ctx.out.list(page.data, columns, (one) => one.id, page);
      if (page.data.length === 0)
        ctx.out.hint("No endpoints yet. capstan endpoints create https://example.org/hook --type run.failed");
    });
  endpoints
    .command("create")
    .summary("send events to an address; the secret that they are signed with is printed once, on stdout")
    .argument("<url>", "https://…")
    .option("--type <type>", "run.failed, run.succeeded …; may be repeated", type, [])
    .option("--workflow <name>", "of this workflow alone; may be repeated", collect, [])
    .option("--description <text>", "what it is for")
    .option("--format <format>", "standard (Standard Webhooks) or cloudevents", format)
    .addHelpText(
      "before",
      "Examples:\n  capstan endpoints create https://ops.example.com/capstan --type run.failed > secret\n",
    )
    .action(
      async (
        url: string,
        flags: {
          readonly type: readonly EndpointEvent[];
          readonly workflow: readonly string[];
          readonly description?: string;
          readonly format?: EndpointFormat;
        },
        command: Command,
      ) => {
        const ctx = context(command);
        const body = {
          url,
          types: [...(flags.type.length === 0 ? (["run.failed", "run.timed_out"] as const) : flags.type)],
          ...(flags.workflow.length === 0 ? {} : { workflows: [...flags.workflow] }),
          ...(flags.description === undefined ? {} : { description: flags.description }),
          ...(flags.format === undefined ? {} : { format: flags.format }),
        };
        const made = await ctx.client().call("endpointCreate", { body });
        ctx.out.one(made, made.endpoint.id, () => `${made.secret}\n`);
        ctx.out.hint(
          `endpoint ${made.endpoint.id}, told of ${made.endpoint.types.join(", ")}; the secret is not shown again`,
        );
      },
    );
  endpoints
    .command("change")
    .summary("change an endpoint; what is not named stays, its secret too")
    .argument("<endpoint>", "ep_…")
    .option("--url <url>", "https://…")
    .option("--type <type>", "these types instead of those before; may be repeated", type, [])
    .option("--workflow <name>", "of these workflows alone; may be repeated", collect, [])
    .option("--all-workflows", "of every workflow")
    .option("--description <text>", "what it is for")
    .option("--format <format>", "standard (Standard Webhooks) or cloudevents", format)
    .option("--disable", "send nothing until `capstan endpoints enable`")
    .addHelpText("before", "Examples:\n  capstan endpoints change ep_… --type run.failed --type run.late\n")
    .action(async (endpoint: string, flags: ChangeFlags, command: Command) => {
      const ctx = context(command);
      const body = changeOf(flags);
      const client = ctx.client();
      const params = { endpoint };
      const seen = await client.seen("endpointGet", { params });
      ctx.out.list([await client.call("endpointChange", { params, body, seen })], columns, (one) => one.id);
    });
  endpoints
    .command("rotate")
    .summary("sign with a new secret, and for a day with the one before it as well; it is printed once")
    .argument("<endpoint>", "ep_…")
    .action(async (endpoint: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const made = await ctx.client().call("endpointRotate", { params: { endpoint } });
      ctx.out.one(made, made.endpoint.id, () => `${made.secret}\n`);
    });
  endpoints
    .command("test")
    .summary("send an event of the type test")
    .argument("<endpoint>", "ep_…")
    .action(async (endpoint: string, _: unknown, command: Command) => {
      const ctx = context(command);
      ctx.out.list(
        [await ctx.client().call("endpointTest", { params: { endpoint } })],
        messageColumns,
        (one) => one.id,
      );
    });
  endpoints
    .command("deliveries")
    .summary("what was sent, newest first, and what came back")
    .argument("<endpoint>", "ep_…")
    .action(async (endpoint: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("endpointDeliveries", { params: { endpoint } });
      ctx.out.list(page.data, messageColumns, (one) => one.id, page);
    });
  endpoints
    .command("replay")
    .summary("send an event again, under the same webhook-id")
    .argument("<endpoint>", "ep_…")
    .argument("<message>", "msg_…")
    .action(async (endpoint: string, message: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const sent = await ctx.client().call("endpointReplay", { params: { endpoint, message } });
      ctx.out.list([sent], messageColumns, (one) => one.id);
    });
  endpoints
    .command("enable")
    .summary("let an endpoint that is off take events again")
    .argument("<endpoint>", "ep_…")
    .action(async (endpoint: string, _: unknown, command: Command) => {
      const ctx = context(command);
      ctx.out.list([await ctx.client().call("endpointEnable", { params: { endpoint } })], columns, (one) => one.id);
    });
  endpoints
    .command("delete")
    .summary("send nothing there any more")
    .argument("<endpoint>", "ep_…")
    .action(async (endpoint: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const params = { endpoint };
      await confirmName(ctx, {
        deed: `Delete the endpoint ${endpoint}`,
        effect: "Its log of deliveries goes with it.",
        name: endpoint,
      });
      const seen = await client.seen("endpointGet", { params });
      await client.call("endpointDelete", { params, seen });
      ctx.out.talk(`${endpoint} is gone`);
    });
}
