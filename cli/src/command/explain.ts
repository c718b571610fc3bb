import type { Command } from "commander";
import { AppError, failureText, formatDuration, type Explanation, type RunExplanation } from "@capstan/proto";
import type { Context } from "../context.ts";
import { printable, type Column } from "../output/table.ts";
import { resolveReference } from "../run-lookup.ts";

type FunnelStep = NonNullable<Explanation["funnel"]>[number];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value of the evidence in a line: `pool=default slots=1`; empty where it says nothing. */
function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  if (!isObject(value)) return value === null ? "" : JSON.stringify(value);
  const parts = Object.entries(value).map(([key, item]) => [key, valueText(item)] as const);
  return parts
    .filter(([, text]) => text !== "")
    .map(([key, text]) => `${key}=${text}`)
    .join(" ");
}

const endedStates: ReadonlySet<string> = new Set(["succeeded", "failed", "timed_out", "cancelled", "skipped"]);

/** Head, evidence, funnel and the one next step, as people read them. */
export function explanationText(one: Explanation, now: number): string {
  const hasEnded = endedStates.has(one.state);
  const since =
    one.since === null || hasEnded ? "" : ` for ${formatDuration(Math.max(0, now - Date.parse(one.since)))}`;
  const lines = [`${one.subject} is ${one.state}${since}: ${one.code}`, `  ${one.detail}`];
  const add = (title: string, text: string): void => void lines.push(`  ${title.padEnd(7)} ${text}`);
  if (one.failure !== null) {
    add("why", `${one.failure.class} ${one.failure.code}: ${failureText(one.failure)}`);
  }
  for (const [key, value] of Object.entries(one.evidence)) {
    // A time in milliseconds is for programs; the sentence above says it in words.
    const text = key === "dueMs" ? "" : valueText(value);
    if (text !== "") add(key, text);
  }
  if (one.funnel !== undefined) add("agents", one.funnel.map((step) => `${step.count} ${step.step}`).join(" → "));
  if (one.nearest !== undefined) add("nearest", `${one.nearest.agent} lacks ${one.nearest.lacks}`);
  if (one.do !== null) add("do", one.do);
  return lines.map(printable).join("\n") + "\n";
}

const funnelColumns: readonly Column<FunnelStep>[] = [
  { title: "REQUIREMENT", key: "step", value: (row) => row.step },
  { title: "AGENTS", key: "count", value: (row) => String(row.count), align: "right" },
  {
    title: "WHICH",
    key: "agents",
    value: (row) => `${row.agents.join(", ")}${row.count > row.agents.length ? ", …" : ""}`,
  },
];

function showFunnel(ctx: Context, one: Explanation): void {
  ctx.out.list(one.funnel ?? [], funnelColumns, (row) => row.step, one);
  if (one.funnel === undefined) ctx.out.talk(`${one.subject} does not wait for an agent: ${one.state}, ${one.code}`);
  else if (one.nearest !== undefined)
    ctx.out.talk(`${one.nearest.agent} comes nearest, and lacks ${one.nearest.lacks}`);
}

interface ExplainFlags {
  readonly agents?: boolean;
  readonly schema?: string | true;
}

/** `capstan explain`: why it does not run, or why it failed. Exit 0 whenever it could answer. */
export function registerExplain(program: Command, context: (command: Command) => Context): void {
  program
    .command("explain")
    .summary("why a run, task or schedule does not run, or why it failed")
    .argument("[ref]", "RUN[/TASK], an id, @last, or a schedule: WORKFLOW.TRIGGER")
    .option("--agents", "a row for each requirement: how many agents are left after it, and which")
    .option("--schema [path]", "what a key of a workflow file means: tasks.retry")
    .addHelpText(
      "before",
      "Examples:\n  capstan explain hello-1/measure\n  capstan explain @last-failed\n  capstan explain hello-1/measure --agents\n  capstan explain --schema tasks.retry\n",
    )
    .action(async (text: string | undefined, flags: ExplainFlags, command: Command) => {
      const ctx = context(command);
      if (flags.schema !== undefined) {
        if (text !== undefined) throw new AppError("usage", "--schema PATH explains a key, REF a run; one of both");
        return (await import("./schema.ts")).explainSchema(ctx, flags.schema === true ? "" : flags.schema);
      }
      if (text === undefined) throw new AppError("usage", "name what to explain: capstan explain RUN/TASK, or @last");
      const client = ctx.client();
      // Runs have a number behind a hyphen, schedules a point: WORKFLOW.TRIGGER.
      if (/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_-]*$/.test(text)) {
        return (await import("./schedules.ts")).explained(
          ctx,
          await client.call("scheduleExplain", { params: { schedule: text } }),
        );
      }
      const { run, task } = await resolveReference(client, text);
      const now = Date.now();
      if (task !== undefined) {
        const one = await client.call("taskExplain", { params: { run, task } });
        if (flags.agents === true) return showFunnel(ctx, one);
        return ctx.out.one(one, one.subject, () => explanationText(one, now));
      }
      if (flags.agents === true)
        throw new AppError("usage", `--agents is for a task: capstan explain ${run}/TASK --agents`);
      const whole: RunExplanation = await client.call("runExplain", { params: { run } });
      ctx.out.one(whole, whole.subject, () => [whole, ...whole.tasks].map((one) => explanationText(one, now)).join(""));
    });
}
