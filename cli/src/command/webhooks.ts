import { readFileSync } from "node:fs";
import {
  AppError,
  deliveryOutcomes,
  type DeliveryDetail,
  type DeliveryView,
  type TriggerListView,
  type WebhookSteered,
  type WebhookView,
} from "@capstan/proto";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Context } from "../context.ts";
import { duration, wholeNumber } from "../flag-value.ts";
import type { Column } from "../output/table.ts";

const columns: readonly Column<WebhookView>[] = [
  { title: "WEBHOOK", key: "webhook", value: (one) => one.webhook },
  { title: "VERIFY", key: "verify", value: (one) => one.verify },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "LAST", key: "lastDeliveryAt", value: (one) => one.lastDeliveryAt ?? "" },
  { title: "URL", key: "url", value: (one) => one.url },
];

const outcomes = Object.keys(deliveryOutcomes);

const triggerColumns: readonly Column<TriggerListView>[] = [
  { title: "TRIGGER", key: "trigger", value: (one) => one.trigger },
  { title: "KIND", key: "kind", value: (one) => one.kind },
  { title: "LISTENS TO", key: "listensTo", value: (one) => one.listensTo ?? "" },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "LAST", key: "lastDeliveryAt", value: (one) => one.lastDeliveryAt ?? "" },
];

const deliveryColumns: readonly Column<DeliveryView>[] = [
  { title: "DELIVERY", key: "id", value: (one) => one.id },
  { title: "RECEIVED", key: "receivedAt", value: (one) => one.receivedAt },
  { title: "OUTCOME", key: "outcome", value: (one) => one.outcome },
  { title: "RUN", key: "run", value: (one) => one.run ?? "" },
  { title: "VERIFICATION", key: "verification", value: (one) => one.verification ?? "" },
  { title: "WHY", key: "detail", value: (one) => one.detail ?? "" },
];

const steeredColumns: readonly Column<WebhookSteered>[] = [
  { title: "WEBHOOK", key: "webhook", value: (one) => one.webhook },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "BEFORE", key: "already", value: (one) => (one.already ? "already" : "") },
];

function header(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [name = "", ...rest] = text.split(":");
  if (rest.length === 0) throw new InvalidArgumentError("write NAME: VALUE");
  return { ...before, [name.trim()]: rest.join(":").trim() };
}

/** What a file or stdin (`-`) holds. */
const contentOf = (file: string): string => readFileSync(file === "-" ? 0 : file, "utf8");

function bodyOf(text: string): null {
  try {
    return JSON.parse(text.startsWith("@") ? contentOf(text.slice(1)) : text) as null; // JSON, which is what it takes
  } catch (error) {
    throw new AppError("usage", `--body needs JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface RotateFlags {
  readonly secretFile?: string;
  readonly overlap?: number;
}

/** `capstan webhooks` and `capstan triggers`: what starts runs from outside the clock, and what came for it. */
export function registerWebhooks(program: Command, context: (command: Command) => Context): void {
  const webhooks = program.command("webhooks").summary("what others send, how it is verified, and what became of it");
  webhooks
    .command("list")
    .summary("webhooks with their addresses")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("webhookList");
      ctx.out.list(page.data, columns, (one) => one.webhook, page);
      if (page.data.length === 0)
        ctx.out.hint("No webhooks yet. triggers: [{ id: push, webhook: { verify: github } }]");
    });
  webhooks
    .command("show")
    .summary("one webhook: its address, its secrets without their values")
    .argument("<webhook>", "WORKFLOW.ID")
    .action(async (webhook: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const found = await ctx.client().call("webhookGet", { params: { webhook } });
      ctx.out.list([found], columns, (one) => one.webhook, found);
    });
  webhooks
    .command("rotate")
    .summary("give a webhook its secret, or a new one; it is printed once, on stdout")
    .argument("<webhook>", "WORKFLOW.ID")
    .option("--secret-file <file>", "the sender's own secret, where the sender makes it; - for stdin")
    .option("--overlap <duration>", "how long the secrets before it stay good, default 1d", duration("1d"))
    .addHelpText(
      "before",
      "Examples:\n  capstan webhooks rotate deploy.push > secret\n  capstan webhooks rotate pay.stripe --secret-file - < whsec\n",
    )
    .action(async (webhook: string, flags: RotateFlags, command: Command) => {
      const ctx = context(command);
      const body = {
        ...(flags.secretFile === undefined ? {} : { secret: contentOf(flags.secretFile).trim() }),
        ...(flags.overlap === undefined ? {} : { overlapMs: flags.overlap }),
      };
      const made = await ctx.client().call("webhookRotate", { params: { webhook }, body });
      ctx.out.one(made, made.webhook, () => `${made.secret}\n`);
      ctx.out.hint(`for ${made.url}; it is not shown again`);
      if (made.previousUntil !== null) ctx.out.hint(`the one before it is good until ${made.previousUntil}`);
    });
  webhooks
    .command("test")
    .summary("deliver something as if it had been verified")
    .argument("<webhook>", "WORKFLOW.ID")
    .option("--body <json>", "as JSON or @FILE")
    .option("--header <text>", "NAME: VALUE; may be repeated", header, {})
    .action(
      async (
        webhook: string,
        flags: { readonly body?: string; readonly header: Readonly<Record<string, string>> },
        command: Command,
      ) => {
        const ctx = context(command);
        const body = {
          headers: { ...flags.header },
          ...(flags.body === undefined ? {} : { body: bodyOf(flags.body) }),
        };
        showOne(ctx, await ctx.client().call("webhookTest", { params: { webhook }, body }));
      },
    );
  for (const [verb, route, summary] of [
    ["enable", "webhookEnable", "take deliveries again"],
    ["disable", "webhookDisable", "refuse deliveries"],
  ] as const) {
    webhooks
      .command(verb)
      .summary(summary)
      .argument("<webhook>", "WORKFLOW.ID")
      .action(async (webhook: string, _: unknown, command: Command) => {
        const ctx = context(command);
        ctx.out.list([await ctx.client().call(route, { params: { webhook } })], steeredColumns, (one) => one.webhook);
      });
  }
  webhooks
    .command("deliveries")
    .summary("what came, newest first; with a delivery's id, one with its content")
    .argument("<webhook>", "WORKFLOW.ID, or dlv_…")
    .addOption(new Option("--outcome <outcome>", "only those that came to this").choices(outcomes))
    .option("--limit <n>", "how many", wholeNumber(1, 500), 20)
    .action(deliveries(context, "webhook"));
  webhooks
    .command("replay")
    .summary("deliver the same once more, to the active version")
    .argument("<delivery>", "dlv_…")
    .action(async (delivery: string, _: unknown, command: Command) => {
      const ctx = context(command);
      showOne(ctx, await ctx.client().call("deliveryReplay", { params: { delivery } }));
    });

  const triggers = program.command("triggers").summary("what listens to events, other runs and webhooks");
  triggers
    .command("list")
    .summary("triggers that something else than the clock fires")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("triggerList");
      ctx.out.list(page.data, triggerColumns, (one) => one.trigger, page);
      if (page.data.length === 0)
        ctx.out.hint("No triggers yet. triggers: [{ id: paid, event: { type: order.paid } }]");
    });
  triggers
    .command("deliveries")
    .summary("what fired a trigger, newest first, and what became of it")
    .argument("<trigger>", "WORKFLOW.ID, or dlv_…")
    .addOption(new Option("--outcome <outcome>", "only those that came to this").choices(outcomes))
    .option("--limit <n>", "how many", wholeNumber(1, 500), 20)
    .action(deliveries(context, "trigger"));
}

function deliveries(context: (command: Command) => Context, name: "webhook" | "trigger") {
  return async (
    of: string,
    flags: { readonly outcome?: DeliveryView["outcome"]; readonly limit: number },
    command: Command,
  ): Promise<void> => {
    const ctx = context(command);
    const client = ctx.client();
    if (of.startsWith("dlv_")) {
      const one = await client.call("deliveryGet", { params: { delivery: of } });
      ctx.out.one(one, one.id, () => `${JSON.stringify(one, null, 2)}\n`);
      return;
    }
    const query = {
      limit: flags.limit,
      ...(flags.outcome === undefined ? {} : { outcome: flags.outcome }),
    };
    const page =
      name === "webhook"
        ? await client.call("webhookDeliveries", { params: { webhook: of }, query })
        : await client.call("triggerDeliveries", { params: { trigger: of }, query });
    ctx.out.list(page.data, deliveryColumns, (one) => one.id, page);
  };
}

const showOne = (ctx: Context, one: DeliveryDetail): void =>
  ctx.out.list([one], deliveryColumns, (shown) => shown.id, one);
