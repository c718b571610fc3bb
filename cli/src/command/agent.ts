import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "@capstan/proto";
import type { Command } from "commander";
import { originOf } from "../connection.ts";
import type { Context } from "../context.ts";
import { packageMain } from "../dev/package-path.ts";
import { exitCodes } from "../exit-code.ts";

interface KeptFlags {
  readonly store?: string;
}

/** `capstan agent`: the agent of this host, and what is read here alone because its data may not leave. */
export function registerAgent(program: Command, context: (command: Command) => Context): void {
  const agent = program.command("agent").summary("the agent of this host: join, start, and read what stays here");
  addJoin(agent, context);
  addStart(agent, context);
  const kept = [
    ["logs", "<attempt>", "print a log that its data class keeps here", "an attempt, att_…"],
    ["held", "<attempt>", "print outputs that wait here for an approver", "an attempt, att_…"],
    ["file", "<sha256>", "write a file that its data class keeps here to standard output", "its SHA-256"],
  ] as const;
  for (const [name, argument, summary, what] of kept) {
    agent
      .command(name)
      .summary(summary)
      .argument(argument, what)
      .option("--store <dir>", "the store, where agents share one")
      .addHelpText(
        "before",
        `Example:\n  capstan agent ${name} ${name === "file" ? "9f86d0…" : "att_0…"} --data /var/lib/capstan\n`,
      )
      .action(async (which: string, flags: KeptFlags, command: Command) => {
        const ctx = context(command);
        const store = flags.store === undefined ? {} : { CAPSTAN_AGENT__STORE: resolve(ctx.cwd, flags.store) };
        const code = await runAgent([name, which, "--data", dataOf(ctx)], { ...ctx.environment.childEnv, ...store });
        if (code !== 0) throw new AppError("not_found", "nothing of that name is kept on this host");
      });
  }
}

/** Exit codes of the agent's program that are its own: 64 wrong usage, 75 another agent is there, 78 configuration. */
const exitOf = (code: number): number =>
  code === 0 ? exitCodes.done : code === 64 ? exitCodes.usage : exitCodes.failed;

const dataOf = ({ cwd, environment, options }: Context): string =>
  agentFolder(resolve(cwd, options.data ?? environment.dataDir ?? ".capstan"));

const named = (name: string | undefined): readonly string[] => (name === undefined ? [] : ["--name", name]);

function addJoin(agent: Command, context: (command: Command) => Context): void {
  agent
    .command("join")
    .summary("let this host's agent join a pool; the token of capstan pools token comes on stdin")
    .argument("<url>", "address of the control plane")
    .option("--name <name>", "name of the agent; the host's unless said")
    .addHelpText(
      "before",
      "Examples:\n  capstan agent join https://capstan.example.org --data /var/lib/capstan < token\n",
    )
    .action(async (url: string, flags: { readonly name?: string }, command: Command) => {
      const ctx = context(command);
      if (process.stdin.isTTY) throw new AppError("usage", "the token comes on standard input: … < token");
      const server = originOf(url, "<url>");
      const data = dataOf(ctx);
      const code = await runAgent(
        ["join", server, "--data", data, ...named(flags.name)],
        ctx.environment.childEnv,
        "inherit",
      );
      process.exitCode = exitOf(code);
      if (code === 0) ctx.out.hint(`capstan agent start --data ${data}`);
    });
}

function addStart(agent: Command, context: (command: Command) => Context): void {
  agent
    .command("start")
    .summary("start this host's agent; Ctrl-C drains it, a second one stops it")
    .option("--name <name>", "name of the agent; the one that it joined with unless said")
    .addHelpText("before", "Examples:\n  capstan agent start --data /var/lib/capstan\n")
    .action(async (flags: { readonly name?: string }, command: Command) => {
      const ctx = context(command);
      const { server } = ctx.options;
      const to = server === undefined ? [] : ["--server", originOf(server, "--server")];
      process.exitCode = exitOf(
        await runAgent(["start", "--data", dataOf(ctx), ...to, ...named(flags.name)], ctx.environment.childEnv),
      );
    });
}

/** The agent's own folder: that of `capstan dev` holds it, any other is it. */
function agentFolder(data: string): string {
  const within = join(data, "agent");
  return existsSync(within) ? within : data;
}

/** Runs the agent's own program to its end, and passes signals on: the first drains it, the second stops it. */
function runAgent(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: "ignore" | "inherit" = "ignore",
): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [packageMain("@capstan/agent"), ...args], {
      stdio: [stdin, "inherit", "inherit"],
      env,
    });
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
    child.on("error", fail);
    child.on("close", (code) => done(code ?? 1));
  });
}
