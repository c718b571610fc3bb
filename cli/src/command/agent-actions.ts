// What is done to one agent: shown, drained, let work again, revoked.
import { formatDuration, type AgentDetail, type AgentView } from "@capstan/proto";
import type { Command } from "commander";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../api/client.ts";
import { confirmName } from "../confirm.ts";
import type { Context } from "../context.ts";
import { exitCodes, type ExitCode } from "../exit-code.ts";
import { duration } from "../flag-value.ts";
import { isPassing } from "../run-watch.ts";

const lookEveryMs = 500;
const argument = ["<agent>", "its name or id, as `capstan agents list` shows them"] as const;

/** What an agent is, and what it executes. */
function detailText(agent: AgentDetail, now: number): string {
  const add = (title: string, text: string): string => `  ${title.padEnd(10)}  ${text}`;
  const labels = Object.entries(agent.labels).map(
    ([key, value]) => `${key}=${value} (${agent.labelSources[key] ?? "self"})`,
  );
  const at = agent.attempts.map(({ run, task, state, startedAt }) => {
    const since = startedAt === null ? "" : ` for ${formatDuration(Math.max(0, now - Date.parse(startedAt)))}`;
    return `  ${run}/${task}  ${state}${since}`;
  });
  return [
    `${agent.name}  ${agent.connection}, ${agent.state}  ${agent.slotsUsed}/${agent.slots} slots`,
    add("pool", agent.pool),
    add("version", agent.version),
    add("id", agent.id),
    add("seen", agent.seenAt ?? "never"),
    add("executors", agent.executors.join(" ")),
    add("labels", labels.join("  ")),
    ...(agent.fingerprint === null ? [] : [add("key", agent.fingerprint)]),
    ...(at.length === 0 ? [] : ["executes", ...at]),
    "",
  ].join("\n");
}

interface DrainFlags {
  readonly reason?: string;
  readonly wait?: boolean;
  readonly timeout?: number;
}

/** Adds `show`, `drain`, `resume` and `revoke`. */
export function addAgentActions(agents: Command, context: (command: Command) => Context): void {
  agents
    .command("show")
    .summary("one agent, and what it executes")
    .argument(...argument)
    .addHelpText("before", "Examples:\n  capstan agents show onprem-a\n")
    .action(async (agent: string, _: unknown, command: Command) => {
      const ctx = context(command);
      const found = await ctx.client().call("agentGet", { params: { agent } });
      ctx.out.one(found, found.name, () => detailText(found, Date.now()));
    });
  agents
    .command("drain")
    .summary("give an agent no new work; what it has finishes")
    .argument(...argument)
    .option("--reason <text>", "why; kept in the audit trail")
    .option("--wait", "until it has finished what it has")
    .option(
      "--timeout <duration>",
      "wait at most so long (exit 124); it goes on draining",
      duration("30m", { min: "1ms" }),
    )
    .addHelpText(
      "before",
      "Examples:\n  capstan agents drain onprem-a --reason 'new kernel'\n  capstan agents drain onprem-a --wait --timeout 30m\n",
    )
    .action(async (agent: string, flags: DrainFlags, command: Command) => {
      process.exitCode = await drain(context(command), agent, flags);
    });
  agents
    .command("resume")
    .summary("give a drained agent work again")
    .argument(...argument)
    .addHelpText("before", "Examples:\n  capstan agents resume onprem-a\n")
    .action(async (agent: string, _: unknown, command: Command) => {
      const ctx = context(command);
      told(ctx, await ctx.client().call("agentResume", { params: { agent } }));
    });
  agents
    .command("revoke")
    .summary("shut an agent out for good: it is off at once, and what it executes is lost")
    .argument(...argument)
    .requiredOption("--reason <text>", "why; kept in the audit trail")
    .addHelpText("before", "Examples:\n  capstan agents revoke onprem-a --reason 'the host was stolen'\n")
    .action(async (name: string, flags: { readonly reason: string }, command: Command) => {
      const ctx = context(command);
      const client = ctx.client();
      // Its name is typed, whatever it was called by: an id says little to whoever is asked.
      const agent = await client.call("agentGet", { params: { agent: name } });
      const held = agent.attempts.length;
      await confirmName(ctx, {
        deed: `Revoke the agent ${agent.name}`,
        effect:
          held === 0
            ? "It executes nothing now."
            : `${held === 1 ? "1 attempt of it is" : `${held} attempts of it are`} lost.`,
        name: agent.name,
      });
      await client.call("agentRevoke", { params: { agent: agent.id }, body: { reason: flags.reason } });
      ctx.out.talk(`${agent.name} is revoked; it is joined again with a new token and a new key`);
    });
}

const told = (ctx: Context, agent: AgentView): void =>
  ctx.out.one(agent, agent.name, () => `${agent.name}  ${agent.state}  ${agent.slotsUsed}/${agent.slots} slots\n`);

async function drain(ctx: Context, name: string, flags: DrainFlags): Promise<ExitCode> {
  const client = ctx.client();
  const { reason, wait, timeout } = flags;
  let agent = await client.call("agentDrain", {
    params: { agent: name },
    body: reason === undefined ? {} : { reason },
  });
  if (wait !== true && timeout === undefined) {
    told(ctx, agent);
    return exitCodes.done;
  }
  const end = timeout === undefined ? Infinity : performance.now() + timeout;
  while (agent.state === "draining" && performance.now() < end) {
    await delay(Math.min(lookEveryMs, Math.max(0, end - performance.now())));
    agent = (await lookAgain(client, agent)) ?? agent;
  }
  told(ctx, agent);
  if (agent.state !== "draining") return exitCodes.done;
  ctx.out.talk(
    `${agent.name} still has ${agent.slotsUsed} at work after ${formatDuration(timeout ?? 0)}; it goes on draining`,
  );
  return exitCodes.timedOutHere;
}

/** Undefined while the control plane is away for a moment. */
async function lookAgain(client: Client, agent: AgentView): Promise<AgentView | undefined> {
  try {
    return await client.call("agentGet", { params: { agent: agent.id } });
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}
