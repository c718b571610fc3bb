import type { Command } from "commander";
import type { VariableView } from "@capstan/proto";
import { confirmName } from "../confirm.ts";
import type { Context } from "../context.ts";
import type { Column } from "../output/table.ts";

const shownMax = 60;
const short = (value: string): string => {
  const line = value.replaceAll("\n", "⏎");
  return line.length <= shownMax ? line : `${line.slice(0, shownMax - 1)}…`;
};

const columns: readonly Column<VariableView>[] = [
  { title: "VARIABLE", key: "name", value: (one) => one.name },
  { title: "VALUE", key: "value", value: (one) => short(one.value) },
  { title: "CHANGED", key: "updatedAt", value: (one) => one.updatedAt },
  { title: "BY", key: "updatedBy", value: (one) => one.updatedBy },
];

/** `capstan vars`: plain values of a project that its workflows read by name. */
export function registerVars(program: Command, context: (command: Command) => Context): void {
  const vars = program.command("vars").summary("plain values that workflows of the project read");
  vars
    .command("list")
    .summary("variables with their values")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("variableList");
      ctx.out.list(page.data, columns, (one) => one.name, page);
      if (page.data.length === 0) ctx.out.hint("No variables yet. capstan vars set region eu-central-1");
    });
  vars
    .command("set")
    .summary("make a variable or change it; runs that have been asked for keep their value")
    .argument("<name>", "as workflows name it")
    .argument("<value>", "a text of at most 64 KiB; no secret, everybody who may see workflows sees it")
    .addHelpText("before", "Examples:\n  capstan vars set region eu-central-1\n")
    .action(async (name: string, value: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const params = { variable: name };
      const seen = await client.seen("variableGet", { params });
      const set = await client.call("variableSet", { params, body: { value }, seen });
      ctx.out.one(set, set.name, () => `${set.name} is ${short(set.value)}\n`);
    });
  vars
    .command("unset")
    .summary("remove a variable that no workflow reads")
    .argument("<name>")
    .action(async (name: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const params = { variable: name };
      await confirmName(ctx, { deed: `Remove the variable ${name}`, name });
      const seen = await client.seen("variableGet", { params });
      await client.call("variableDelete", { params, seen });
      ctx.out.talk(`${name} is removed`);
    });
}
