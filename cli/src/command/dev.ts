import { InvalidArgumentError, type Command } from "commander";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { AppError } from "@capstan/proto";
import { ProblemError } from "../api/problem.ts";
import type { Context } from "../context.ts";
import { wholeNumber } from "../flag-value.ts";

interface DevFlags {
  readonly port?: number;
  readonly host: string;
  readonly db?: string;
  readonly open?: boolean;
  readonly console: boolean;
  readonly watch: boolean;
  readonly agent: boolean;
  readonly agentLabels?: string;
  readonly slots?: number;
  readonly empty?: boolean;
  readonly ephemeral?: boolean;
  readonly fresh?: boolean;
  readonly once?: boolean;
  readonly attach?: boolean;
}

const labels = (text: string): string => {
  if (!/^[a-z][a-zA-Z0-9_.-]*=[^,=]*(,[a-z][a-zA-Z0-9_.-]*=[^,=]*)*$/.test(text))
    throw new InvalidArgumentError("labels are written k=v,k=v");
  return text;
};

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);

/** `capstan dev`: the whole product in one folder, until Ctrl-C. */
export function registerDev(program: Command, context: (command: Command) => Context): void {
  program
    .command("dev")
    .summary("run everything here: database, control plane, console and one agent")
    .description(
      "Runs Capstan in this folder: embedded PostgreSQL, control plane, console and one agent. Deploys the workflows of DIR, again on every save.",
    )
    .argument("[dir]", "folder with workflows", "./workflows")
    .option("--port <n>", "port of the front door (7420, else the next free of 7430 to 7490)", wholeNumber(1, 65535))
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--db <url>", "your own PostgreSQL instead of the embedded one")
    .option("--open", "open the console in a browser")
    .option("--no-console", "start no console")
    .option("--no-watch", "do not deploy on save")
    .option("--no-agent", "start no agent")
    .option("--agent-labels <k=v,…>", "labels of the agent beside those it finds", labels)
    .option("--slots <n>", "slots of the agent", wholeNumber(1, 1024))
    .option("--empty", "write and run no example")
    .option("--ephemeral", "throw the data away at the end")
    .option("--fresh", "begin with new data; the old is kept beside it")
    .option("--once", "start, run the first workflow, print, stop; exit 0 or 1")
    .option("--attach", "follow the one that already runs on this data")
    .addHelpText(
      "before",
      "Examples:\n  capstan dev\n  capstan dev examples --port 8000\n  capstan dev --once -o jsonl\n",
    )
    .action(async (dir: string, flags: DevFlags, command: Command) => {
      const ctx = context(command);
      const { environment, options, out, cwd } = ctx;
      const dataDir = resolve(cwd, options.data ?? environment.dataDir ?? ".capstan");
      if (flags.attach === true) {
        const { attach } = await import("../dev/attach.ts");
        process.exitCode = await attach(dataDir, out);
        return;
      }
      if (!isLoopback(flags.host) && !(environment.publicUrl?.startsWith("https://") ?? false)) {
        throw new AppError(
          "public_url_needed",
          `--host ${flags.host} is not loopback, and CAPSTAN_PUBLIC_URL is no https address`,
        );
      }
      if (flags.ephemeral === true && flags.fresh === true)
        throw new AppError("usage", "--ephemeral and --fresh exclude each other");
      if (options.output !== undefined && options.output !== "jsonl")
        throw new AppError("usage", "capstan dev knows -o jsonl and the screen");
      const [{ Session }, { screen, jsonLines }] = await Promise.all([
        import("../dev/session.ts"),
        import("../dev/screen.ts"),
      ]);
      const isJsonLines = out.format === "jsonl";
      const databaseUrl = flags.db ?? environment.databaseUrl;
      const session = new Session({
        cwd,
        folder: resolve(cwd, dir),
        isFolderNamed: command.args.length > 0,
        // Data that is there already is not ours to throw away.
        dataDir: flags.ephemeral === true && existsSync(dataDir) ? `${dataDir}-ephemeral-${process.pid}` : dataDir,
        host: flags.host,
        port: flags.port,
        databaseUrl,
        isEphemeral: flags.ephemeral === true,
        isFresh: flags.fresh === true,
        isEmpty: flags.empty === true,
        isOnce: flags.once === true,
        withConsole: flags.console,
        withAgent: flags.agent,
        withWatch: flags.watch,
        agentLabels: flags.agentLabels,
        slots: flags.slots,
        open: flags.open === true,
        environment,
        teller: isJsonLines ? jsonLines(out) : screen(out),
        out,
        isInteractive: !isJsonLines && !environment.isCi && options.input,
      });
      try {
        process.exitCode = await session.run();
        process.exit(); // a wait for a first run may still be pending; nothing that it waits for is left
      } catch (error) {
        // A refusal of our own control plane is a failed start (exit code 1), whatever it would mean to a caller.
        if (error instanceof ProblemError) throw new AppError("part_failed", error.message, { cause: error });
        throw error;
      }
    });
}
