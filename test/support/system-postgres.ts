// A PostgreSQL of the system's, of any version from 15 on, for a second run of the database tests.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { postgresAccount } from "../../cli/src/dev/postgres-account.ts";
import { until } from "./until.ts";

/**
 * Starts the server whose programs lie in `bin`, on a socket in `folder`, with files that nobody keeps.
 * As root it runs in a user namespace, as the product's own does.
 */
export async function startSystemPostgres(
  bin: string,
  folder: string,
): Promise<{ url: string; stop(): Promise<void> }> {
  const account = postgresAccount(folder, process.getuid?.() === 0);
  if (account.uid !== undefined) throw new Error("a system PostgreSQL under root needs user namespaces");
  const files = join(folder, "pg");
  const socket = join(folder, "run");
  mkdirSync(socket, { mode: 0o700 });
  const [init, ...initArgs] = [
    ...account.prefix,
    join(bin, "initdb"),
    "-D",
    files,
    "-U",
    "postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
  ];
  const made = spawnSync(init, initArgs, { encoding: "utf8", cwd: "/" });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const settings = { listen_addresses: "", unix_socket_directories: socket, fsync: "off", max_connections: "100" };
  const words = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [start = "", ...startArgs] = [
    ...account.prefix,
    ...account.lifetime,
    join(bin, "postgres"),
    "-D",
    files,
    ...words,
  ];
  const child = spawn(start, startArgs, { stdio: "ignore", cwd: "/" });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  await until("PostgreSQL listens", 30_000, () => (existsSync(join(socket, ".s.PGSQL.5432")) ? true : undefined));
  return {
    url: `postgres://postgres@localhost:5432/postgres?host=${encodeURIComponent(socket)}`,
    stop: async () => {
      child.kill("SIGINT");
      await ended;
    },
  };
}
