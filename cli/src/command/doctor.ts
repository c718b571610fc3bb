import { spawnSync } from "node:child_process";
import { statfsSync } from "node:fs";
import type { Command } from "commander";
import { AppError } from "@capstan/proto";
import { findDataDir } from "../connection.ts";
import type { Context } from "../context.ts";
import { consoleServer, packageMain } from "../dev/package-path.ts";
import { postgresAccount } from "../dev/postgres-account.ts";
import { postgresPackage } from "../dev/postgres-package.ts";
import { portOwner, tryPort, usualPort } from "../dev/port.ts";
import { exitCodes } from "../exit-code.ts";
import type { Column } from "../output/table.ts";

interface Finding {
  readonly what: string;
  /** `warn`: something will not work, the rest does. */
  readonly result: "ok" | "warn" | "fail";
  readonly detail: string;
}

const finding = async (
  what: string,
  look: () => Promise<Omit<Finding, "what">> | Omit<Finding, "what">,
): Promise<Finding> => {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    return { what, result: "fail", detail: error instanceof Error ? error.message : String(error) };
  }
};

const program = (name: string, args: readonly string[], without: string): Promise<Finding> =>
  finding(name, () => {
    const done = spawnSync(name, args, { encoding: "utf8", timeout: 5000 });
    const text = `${done.stdout ?? ""}${done.stderr ?? ""}`.trim().split("\n")[0] ?? "";
    return done.status === 0 ? { result: "ok", detail: text } : { result: "warn", detail: without };
  });

async function lookAtServer(ctx: Context): Promise<Omit<Finding, "what">> {
  try {
    const client = ctx.client();
    const [version, agents] = await Promise.all([client.call("version"), client.call("agentList", {})]);
    const online = agents.data.filter((agent) => agent.connection === "online").length;
    return {
      result: online > 0 ? "ok" : "warn",
      detail: `${client.server} ${version.version}, ${online} of ${agents.data.length} agents online`,
    };
  } catch (error) {
    if (error instanceof AppError && error.code === "unreachable") return { result: "warn", detail: error.message };
    throw error;
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GB`;

/** `capstan doctor`: what this machine can do for Capstan. Exit 1 where something fails. */
export function registerDoctor(command: Command, context: (command: Command) => Context): void {
  command
    .command("doctor")
    .summary("check what this machine has and what is missing")
    .action(async (_: unknown, self: Command) => {
      const ctx = context(self);
      const dataDir = findDataDir(ctx.cwd, ctx.options.data ?? ctx.environment.dataDir);
      const findings = await Promise.all([
        finding("node", () => ({
          result: Number(process.versions.node.split(".")[0]) >= 24 ? "ok" : "fail",
          detail: process.versions.node,
        })),
        finding("postgresql", () => {
          const account = postgresAccount(ctx.cwd, process.getuid?.() === 0);
          return {
            result: "ok",
            detail: `${postgresPackage(`${ctx.cwd}/.capstan/postgresql`).root} (${account.kind === "same" ? "as you" : account.kind === "namespace" ? "in a user namespace" : "as the account postgres"})`,
          };
        }),
        finding("control plane", () => ({ result: "ok", detail: packageMain("@capstan/control-plane") })),
        finding("agent", () => ({ result: "ok", detail: packageMain("@capstan/agent") })),
        finding("console", () => {
          const main = consoleServer();
          return main === undefined
            ? { result: "warn", detail: "not built yet: pages answer 502 until it is" }
            : { result: "ok", detail: main };
        }),
        finding("disk", () => {
          const disk = statfsSync(ctx.cwd);
          const free = disk.bavail * disk.bsize;
          return { result: free > 500 * 1024 ** 2 ? "ok" : "fail", detail: `${gigabytes(free)} free in ${ctx.cwd}` };
        }),
        finding("port", async () => {
          const isFree = (await tryPort("127.0.0.1", usualPort)) !== undefined;
          return isFree
            ? { result: "ok", detail: `${usualPort} is free` }
            : { result: "warn", detail: `${usualPort} is taken${describe(portOwner(usualPort))}` };
        }),
        program("bash", ["--version"], "no bash here: `run` tasks need it"),
        program("python3", ["--version"], "no python3 here: Python tasks will wait (no_agent_matches)"),
        finding("data", () => ({ result: "ok", detail: dataDir ?? "none here yet" })),
        finding("running", () => lookAtServer(ctx)),
      ]);
      const columns: readonly Column<Finding>[] = [
        { title: "CHECK", key: "what", value: (row) => row.what },
        { title: "RESULT", key: "result", value: (row) => row.result },
        { title: "DETAIL", key: "detail", value: (row) => row.detail },
      ];
      ctx.out.list(findings, columns, (row) => row.what);
      if (findings.some((row) => row.result === "fail")) process.exitCode = exitCodes.failed;
    });
}

const describe = (owner: string | undefined): string => (owner === undefined ? "" : ` by ${owner}`);
