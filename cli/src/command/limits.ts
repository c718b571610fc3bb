import { InvalidArgumentError, type Command } from "commander";
import { formatDuration, type LimitDetail, type LimitView } from "@capstan/proto";
import { confirmName } from "../confirm.ts";
import type { Context } from "../context.ts";
import { parseLimitSize, type LimitSize } from "../limit-size.ts";
import type { Column } from "../output/table.ts";

const sizeText = ({ capacity, perMs }: LimitView): string =>
  perMs === null ? String(capacity) : `${capacity}/${formatDuration(perMs).replaceAll(" ", "")}`;

const columns: readonly Column<LimitView>[] = [
  { title: "LIMIT", key: "name", value: (limit) => limit.name },
  { title: "CAPACITY", key: "capacity", value: sizeText, align: "right" },
  { title: "USED", key: "used", value: (limit) => String(limit.used), align: "right" },
  { title: "CHANGED", key: "updatedAt", value: (limit) => limit.updatedAt, isWide: true },
];

function size(text: string): LimitSize {
  const parsed = parseLimitSize(text);
  if (parsed === undefined) throw new InvalidArgumentError("write a capacity such as 4, or a rate such as 60/1m");
  return parsed;
}

function detailText(limit: LimitDetail): string {
  const head = `${limit.name}: ${limit.used} of ${sizeText(limit)} used, ${limit.waiting} waiting`;
  const holders = limit.holders.map((one) => {
    const weight = one.weight === 1 ? "" : ` (${one.weight})`;
    const until = one.until === null ? "" : `, counts until ${one.until}`;
    return `  ${one.run}/${one.task}${weight} since ${one.since}${until}${one.silent ? ", silent" : ""}`;
  });
  return [head, ...holders].join("\n") + "\n";
}

/** `capstan limits`: how much of something the tasks of a project may use at once. */
export function registerLimits(program: Command, context: (command: Command) => Context): void {
  const limits = program.command("limits").summary("what tasks may use at once, or how often");
  limits
    .command("list")
    .summary("limits with what is used of them")
    .action(async (_: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("limitList");
      ctx.out.list(page.data, columns, (limit) => limit.name, page);
      if (page.data.length === 0) ctx.out.hint("No limits yet. capstan limits set db 4");
    });
  limits
    .command("show")
    .summary("one limit, and who holds it")
    .argument("<name>", "the limit")
    .action(async (name: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const limit = await ctx.client().call("limitGet", { params: { limit: name } });
      ctx.out.one(limit, limit.name, () => detailText(limit));
    });
  limits
    .command("set")
    .summary("make a limit or change it; what is held stays held")
    .argument("<name>", "the limit, as tasks name it")
    .argument("<size>", "how much at once (4), or how many starts in a time (60/1m)", size)
    .addHelpText("before", "Examples:\n  capstan limits set db 4\n  capstan limits set partner_api 60/1m\n")
    .action(async (name: string, given: LimitSize, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const params = { limit: name };
      const seen = await client.seen("limitGet", { params });
      const limit = await client.call("limitSet", { params, body: given, seen });
      ctx.out.one(limit, limit.name, () => `${limit.name} has ${sizeText(limit)}; ${limit.used} used\n`);
    });
  limits
    .command("rm")
    .summary("remove a limit that no workflow uses")
    .argument("<name>", "the limit")
    .action(async (name: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const params = { limit: name };
      await confirmName(ctx, { deed: `Remove the limit ${name}`, name });
      const seen = await client.seen("limitGet", { params });
      await client.call("limitDelete", { params, seen });
      ctx.out.talk(`${name} is removed`);
    });
}
