import type { Command } from "commander";
import { failureText, formatDuration, type Explanation, type RunExplanation } from "@capstan/proto";
import type { Context } from "../context.ts";
import { printable } from "../output/table.ts";
import { resolveReference } from "../run-lookup.ts";

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

/** `capstan explain`: why it does not run, or why it failed. Exit 0 whenever it could answer. */
export function registerExplain(program: Command, context: (command: Command) => Context): void {
  program
    .command("explain")
    .summary("why a run, task or schedule does not run, or why it failed")
    .argument("<ref>", "RUN[/TASK], an id, @last, or a schedule: WORKFLOW.TRIGGER")
    .addHelpText("before", "Examples:\n  capstan explain hello-1/measure\n  capstan explain @last-failed\n")
    .action(async (text: string, _: unknown, command: Command) => {
      const ctx = context(command);
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
        return ctx.out.one(one, one.subject, () => explanationText(one, now));
      }
      const whole: RunExplanation = await client.call("runExplain", { params: { run } });
      ctx.out.one(whole, whole.subject, () => [whole, ...whole.tasks].map((one) => explanationText(one, now)).join(""));
    });
}
