import { InvalidArgumentError, type Command } from "commander";
import type { RouteResponse, ScheduleExplanation, ScheduleSteered, ScheduleView } from "@capstan/proto";
import type { Context } from "../context.ts";
import { moment, wholeNumber } from "../flag-value.ts";
import type { Column } from "../output/table.ts";

const columns: readonly Column<ScheduleView>[] = [
  { title: "SCHEDULE", key: "schedule", value: (one) => one.schedule },
  { title: "WHEN", key: "when", value: (one) => one.when },
  { title: "TIMEZONE", key: "timezone", value: (one) => one.timezone },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "NEXT", key: "nextAt", value: (one) => one.nextAt ?? "" },
  { title: "LAST", key: "lastRun", value: (one) => one.lastRun ?? "" },
];

type Fire = RouteResponse<"scheduleNext">["data"][number];
const fireColumns: readonly Column<Fire>[] = [
  { title: "LOCAL", key: "local", value: (one) => one.local },
  { title: "UTC", key: "at", value: (one) => one.at },
  { title: "CLOCK", key: "mark", value: (one) => (one.mark ?? "").replaceAll("_", " ") },
];

type Miss = RouteResponse<"scheduleMisses">["data"][number];
const missColumns: readonly Column<Miss>[] = [
  { title: "TICK", key: "at", value: (one) => one.at },
  { title: "REASON", key: "reason", value: (one) => one.reason },
  { title: "MEANING", key: "meaning", value: (one) => one.detail ?? one.meaning },
];

const steeredColumns: readonly Column<ScheduleSteered>[] = [
  { title: "SCHEDULE", key: "schedule", value: (one) => one.schedule },
  { title: "STATE", key: "state", value: (one) => one.state },
  { title: "BEFORE", key: "already", value: (one) => (one.already ? "already" : "") },
];

interface NextFlags {
  readonly count: number;
  readonly after?: string;
  readonly timezone?: string;
}

function zone(text: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new InvalidArgumentError("a time zone is needed, such as Europe/Berlin or UTC");
  }
}

/** A tick as a clock of another zone shows it. What the schedule's own clock does at that moment is no matter there. */
function inZone(one: Fire, timezone: string): Fire {
  const form = new Intl.DateTimeFormat("sv-SE", {
    timeZone: timezone,
    dateStyle: "short",
    timeStyle: "medium",
  });
  return { ...one, local: form.format(new Date(one.at)).replace(" ", "T"), mark: null };
}

/** Prints why a schedule does not fire, or when it does. */
export function explained(ctx: Context, one: ScheduleExplanation): void {
  const last = one.last === null ? "" : `  last    ${one.last.at}  ${one.last.run ?? ""}\n`;
  const missed = one.missed === null ? "" : `  missed  ${one.missed.at}: ${one.missed.detail ?? one.missed.meaning}\n`;
  const step = one.do === null ? "" : `  do      ${one.do}\n`;
  ctx.out.one(one, one.schedule, () => `${one.sentence}\n${last}${missed}${step}`);
}

/** `capstan schedules`: what starts by the clock, when next, and what did not. */
export function registerSchedules(program: Command, context: (command: Command) => Context): void {
  const schedules = program.command("schedules").summary("what starts by the clock, when next, and what did not");
  schedules
    .command("list")
    .summary("schedules with their next ticks")
    .option("--workflow <name>", "of one workflow")
    .action(async (flags: { readonly workflow?: string }, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("scheduleList", { query: flags });
      ctx.out.list(page.data, columns, (one) => one.schedule, page);
      if (page.data.length === 0) ctx.out.hint('No schedules yet. triggers: [{ schedule: { cron: "0 6 * * *" } }]');
    });
  schedules
    .command("next")
    .summary("the next ticks of a schedule")
    .argument("<schedule>", "WORKFLOW.TRIGGER, or WORKFLOW where its schedule has no id")
    .option("--count <n>", "how many", wholeNumber(1, 1000), 10)
    .option("--after <time>", "from then on, such as 2026-10-25T00:00:00Z", moment)
    .option("--timezone <zone>", "local times of this zone: Europe/Berlin; the schedule's own unless said", zone)
    .action(async (schedule: string, flags: NextFlags, command: Command) => {
      const ctx = context(command);
      const after = flags.after === undefined ? {} : { after: flags.after };
      const next = await ctx
        .client()
        .call("scheduleNext", { params: { schedule }, query: { count: flags.count, ...after } });
      const { timezone } = flags;
      const data = timezone === undefined ? next.data : next.data.map((one) => inZone(one, timezone));
      ctx.out.list(data, fireColumns, (one) => one.at, { ...next, data });
    });
  schedules
    .command("missed")
    .summary("the newest ticks that became no run, and why")
    .argument("<schedule>", "WORKFLOW.TRIGGER")
    .action(async (schedule: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const page = await ctx.client().call("scheduleMisses", { params: { schedule } });
      ctx.out.list(page.data, missColumns, (one) => one.at, page);
      if (page.data.length === 0) ctx.out.hint("Every tick became a run.");
    });
  schedules
    .command("explain")
    .summary("when a schedule fires next, or why it does not")
    .argument("<schedule>", "WORKFLOW.TRIGGER")
    .action(async (schedule: string, _: unknown, command: Command) => {
      const ctx = context(command);
      explained(ctx, await ctx.client().call("scheduleExplain", { params: { schedule } }));
    });
  schedules
    .command("fire")
    .summary("start its run now, as a tick of this moment; its own ticks stay as they are")
    .argument("<schedule>", "WORKFLOW.TRIGGER")
    .action(async (schedule: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      const run = await client.call("scheduleFire", { params: { schedule } });
      ctx.out.one(
        run,
        run.name,
        () => `${run.name}  ${ctx.out.state(run.state)}  ${client.page(`/runs/${run.name}`)}\n`,
      );
    });
  schedules
    .command("pause")
    .summary("pause a schedule: its ticks become no runs")
    .argument("<schedule>", "WORKFLOW.TRIGGER")
    .option("--reason <text>", "why; shown with the schedule")
    .action(async (schedule: string, flags: { readonly reason?: string }, command: Command) => {
      const ctx = context(command);
      const steered = await ctx.client().call("schedulePause", { params: { schedule }, body: flags });
      ctx.out.list([steered], steeredColumns, (one) => one.schedule);
    });
  schedules
    .command("resume")
    .summary("let a schedule go on from its next tick")
    .argument("<schedule>", "WORKFLOW.TRIGGER")
    .action(async (schedule: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const steered = await ctx.client().call("scheduleResume", { params: { schedule } });
      ctx.out.list([steered], steeredColumns, (one) => one.schedule);
    });
}
