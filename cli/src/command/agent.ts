import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "@capstan/proto";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { packageMain } from "../dev/package-path.ts";

interface KeptFlags {
  readonly store?: string;
}

/** `capstan agent`: what is read on the host of an agent alone, because its data may not leave. */
export function registerAgent(program: Command, context: (command: Command) => Context): void {
  const agent = program.command("agent").summary("read what stays on this host");
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
        const { cwd, environment, options } = context(command);
        const data = resolve(cwd, options.data ?? environment.dataDir ?? ".capstan");
        const store = flags.store === undefined ? {} : { CAPSTAN_AGENT__STORE: resolve(cwd, flags.store) };
        const code = await runAgent([name, which, "--data", agentFolder(data)], { ...environment.childEnv, ...store });
        if (code !== 0) throw new AppError("not_found", "nothing of that name is kept on this host");
      });
  }
}

/** The agent's own folder: that of `capstan dev` holds it, any other is it. */
function agentFolder(data: string): string {
  const within = join(data, "agent");
  return existsSync(within) ? within : data;
}

function runAgent(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [packageMain("@capstan/agent"), ...args], {
      stdio: ["ignore", "inherit", "inherit"],
      env,
    });
    child.on("error", fail);
    child.on("close", (code) => done(code ?? 1));
  });
}
