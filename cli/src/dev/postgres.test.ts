import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive, startPostgres } from "./postgres.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "capstan-pg-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const canConnect = (url: string): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(join(new URL(url).searchParams.get("host") ?? "", ".s.PGSQL.5432"));
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });

test("a started server answers on its socket, and nothing of it is left after the stop", async () => {
  const server = await startPostgres({ dataDir, ephemeral: true });
  expect(server.created).toBe(true);
  expect(await canConnect(server.url)).toBe(true);
  expect(statSync(join(dataDir, "run")).mode & 0o077).toBe(0);
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
  expect(await canConnect(server.url)).toBe(false);
  expect(existsSync(join(dataDir, "pg", "postmaster.pid"))).toBe(false);
  const again = await startPostgres({ dataDir, ephemeral: true });
  expect(again.created).toBe(false);
  expect(again.recovered).toBe(false);
  await again.stop();
});

test("after a crash of the server the next start recovers and says so", async () => {
  const server = await startPostgres({ dataDir });
  process.kill(server.pid, "SIGKILL");
  await server.ended;
  const again = await startPostgres({ dataDir });
  expect(again.recovered).toBe(true);
  expect(await canConnect(again.url)).toBe(true);
  await again.stop();
});

test("a server left over on the same data is stopped before a new one starts", async () => {
  const first = await startPostgres({ dataDir, ephemeral: true });
  const second = await startPostgres({ dataDir, ephemeral: true });
  expect(isAlive(first.pid)).toBe(false);
  expect(second.recovered).toBe(true);
  await second.stop();
});

test("files of another major version are refused and not touched", async () => {
  const file = join(dataDir, "pg", "PG_VERSION");
  mkdirSync(join(dataDir, "pg"));
  writeFileSync(file, "17\n");
  await expect(startPostgres({ dataDir })).rejects.toMatchObject({ code: "postgres_major" });
  expect(readFileSync(file, "utf8")).toBe("17\n");
});

test("a data folder with a very long path still gets a socket", async () => {
  const long = join(dataDir, "x".repeat(90));
  const server = await startPostgres({ dataDir: long, ephemeral: true });
  expect(await canConnect(server.url)).toBe(true);
  const socketDir = new URL(server.url).searchParams.get("host") ?? "";
  await server.stop();
  expect(existsSync(socketDir)).toBe(false);
});
