import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { AppError, type SentEvent } from "@capstan/proto";
import type { Context } from "../context.ts";
import { resolveReference } from "../run-lookup.ts";

/** JSON as it stands, or of a file: `@order.json`. @throws usage */
function json(text: string): unknown {
  const source = text.startsWith("@") ? readFileSync(text.slice(1), "utf8") : text;
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new AppError("usage", `--body needs JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** `capstan skip-wait` and `capstan events send`: what ends the waiting of a task, and starts runs. */
export function registerWaits(program: Command, context: (command: Command) => Context): void {
  program
    .command("skip-wait")
    .summary("end a wait for a time or an event now")
    .argument("<ref>", "RUN/TASK")
    .option("--reason <text>", "why; kept with the run")
    .addHelpText("before", "Examples:\n  capstan skip-wait nightly-7/settle --reason 'the bank has confirmed'\n")
    .action(async (text: string, flags: { readonly reason?: string }, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { run, task } = await resolveReference(client, text);
      if (task === undefined) throw new AppError("usage", "skip-wait needs a task: RUN/TASK");
      const body = flags.reason === undefined ? {} : { reason: flags.reason };
      const skipped = await client.call("taskSkipWait", { params: { run, task }, body });
      ctx.out.list(
        [skipped],
        [
          { title: "TASK", key: "task", value: (one) => one.task },
          { title: "STATE", key: "state", value: (one) => one.state },
        ],
        (one) => one.task,
      );
    });
  const events = program
    .command("events")
    .summary("tell events to tasks that wait for them and to triggers that listen");
  events
    .command("send")
    .summary("tell an event")
    .argument("<type>", "such as order.paid")
    .option("--body <json>", "what it carries, as JSON or @FILE")
    .option("--id <id>", "the sender's own id; a repeat is the same event")
    .addHelpText("before", `Examples:\n  capstan events send order.paid --body '{"order": 7}'\n`)
    .action(async (type: string, flags: { readonly body?: string; readonly id?: string }, command: Command) => {
      const ctx = context(command);
      const sent = await ctx.client().call("eventSend", {
        run: ctx.environment.run,
        body: {
          type,
          ...(flags.body === undefined ? {} : { data: json(flags.body) as null }), // JSON, which is what it takes
          ...(flags.id === undefined ? {} : { id: flags.id }),
        },
      });
      ctx.out.list<SentEvent>(
        [sent],
        [
          { title: "EVENT", key: "id", value: (one) => one.id },
          { title: "TYPE", key: "type", value: (one) => one.type },
          { title: "BEFORE", key: "already", value: (one) => (one.already ? "already" : "") },
        ],
        (one) => one.id,
      );
    });
}
