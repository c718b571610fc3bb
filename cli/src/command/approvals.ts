import { AppError, parseRunName, type ApprovalView, type Decided } from "@capstan/proto";
import type { Command } from "commander";
import type { Client } from "../api/client.ts";
import { collect } from "../collect.ts";
import type { Context } from "../context.ts";
import { readInputs, type Declarations } from "../inputs.ts";
import { resolveReference } from "../run-lookup.ts";

interface ApproveFlags {
  readonly comment?: string;
  readonly input: readonly string[];
  readonly inputs?: string;
}

/** `capstan approvals list`, `capstan approve` and `capstan reject`: what waits for people, and their answers. */
export function registerApprovals(program: Command, context: (command: Command) => Context): void {
  const approvals = program.command("approvals").summary("list what waits for people");
  approvals
    .command("list")
    .summary("approvals that wait, oldest first")
    .option("--mine", "only those that I may answer")
    .addHelpText("before", "Examples:\n  capstan approvals list --mine\n")
    .action(async (flags: { readonly mine?: boolean }, command: Command) => {
      const ctx = context(command);
      const { data } = await ctx.client().call("approvalList", { params: {} });
      ctx.out.list(
        data.filter((one) => flags.mine !== true || one.mine),
        [
          { title: "TASK", key: "task", value: (one: ApprovalView) => `${one.run}/${one.task}` },
          { title: "TITLE", key: "title", value: (one: ApprovalView) => one.title },
          { title: "FROM", key: "from", value: (one: ApprovalView) => one.from.join(", ") },
          {
            title: "APPROVED",
            key: "approvedBy",
            value: (one: ApprovalView) => `${one.approvedBy.length}/${one.need}`,
          },
          { title: "UNTIL", key: "expiresAt", value: (one: ApprovalView) => one.expiresAt ?? "" },
          { title: "MINE", key: "mine", value: (one: ApprovalView) => (one.mine ? "yes" : "") },
        ],
        (one) => `${one.run}/${one.task}`,
      );
      if (!data.some((one) => flags.mine !== true || one.mine)) ctx.out.hint("Nothing waits for an answer.");
    });
  program
    .command("approve")
    .summary("approve what waits for an answer")
    .argument("<ref>", "RUN/TASK")
    .option("--comment <text>", "kept with the answer")
    .option("-i, --input <key=value>", "a value of the form; may be repeated", collect, [])
    .option("--inputs <file>", "values of the form as YAML or JSON; - is standard input")
    .addHelpText("before", "Examples:\n  capstan approve publish-7/ask -i share=10 --comment 'looks right'\n")
    .action(async (text: string, flags: ApproveFlags, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { run, task } = await placeOf(client, text);
      const form = readInputs(flags.input, flags.inputs, await formOf(client, run, task));
      const body = { form, ...(flags.comment === undefined ? {} : { comment: flags.comment }) };
      tell(ctx, await client.call("taskApprove", { params: { run, task }, body }));
    });
  program
    .command("reject")
    .summary("reject what waits for an answer")
    .argument("<ref>", "RUN/TASK")
    .option("--comment <text>", "kept with the answer")
    .addHelpText("before", "Examples:\n  capstan reject publish-7/ask --comment 'numbers look wrong'\n")
    .action(async (text: string, flags: { readonly comment?: string }, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const { run, task } = await placeOf(client, text);
      const body = flags.comment === undefined ? {} : { comment: flags.comment };
      tell(ctx, await client.call("taskReject", { params: { run, task }, body }));
    });
}

async function placeOf(client: Client, text: string): Promise<{ run: string; task: string }> {
  const { run, task } = await resolveReference(client, text);
  if (task === undefined) throw new AppError("usage", "an answer needs a task: RUN/TASK");
  return { run, task };
}

/** The declared form, so that text becomes values of its types. What does not wait any more is refused by the control plane. */
async function formOf(client: Client, run: string, task: string): Promise<Declarations> {
  const name = parseRunName(run) === undefined ? (await client.call("runGet", { params: { run } })).name : run;
  const { data } = await client.call("approvalList", { params: {} });
  return (data.find((one) => one.run === name && one.task === task)?.form ?? {}) as Declarations; // JSON
}

const tell = (ctx: Context, decided: Decided): void =>
  ctx.out.list<Decided>(
    [decided],
    [
      { title: "TASK", key: "task", value: (one) => `${one.run}/${one.task}` },
      { title: "STATE", key: "state", value: (one) => one.state },
      { title: "BEFORE", key: "already", value: (one) => (one.already ? "already" : "") },
    ],
    (one) => `${one.run}/${one.task}`,
  );
