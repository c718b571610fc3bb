import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { main } from "./main.ts";

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command line in this process, with what it wrote. */
async function capstan(...words: readonly string[]): Promise<Said> {
  let stdout = "";
  let stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((stderr += String(text)), true));
  try {
    process.exitCode = undefined;
    const code = await main(words);
    return { code, stdout, stderr };
  } finally {
    process.exitCode = undefined;
    vi.restoreAllMocks();
  }
}

afterEach(() => vi.restoreAllMocks());

test("a wrong word is wrong usage, with the nearest right one, and nothing on stdout", async () => {
  expect(await capstan("rnu")).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining("Did you mean run?") });
  expect((await capstan("dev", "--prot", "1")).stderr).toContain("--port");
  expect((await capstan("dev", "--port", "99999")).code).toBe(2);
  expect((await capstan("dev", "--seed", "demo")).code).toBe(2);
});

test("wrong usage names the command to ask, and the nearest words among its own", async () => {
  expect((await capstan("runs", "lst")).stderr).toMatch(
    /capstan runs has no command lst\. Did you mean list\?.*\ncapstan runs --help/,
  );
  expect((await capstan("schema", "evnt")).stderr).toContain(
    "evnt is none of workflow, event, config. Did you mean event?",
  );
  expect((await capstan("schedules", "next", "a.b", "--timezone", "Mars/X")).stderr).toContain(
    "--timezone Mars/X: a time zone is needed",
  );
  expect((await capstan("runs", "show")).stderr).toContain("capstan runs show needs <run>");
  expect((await capstan("explain", "--schema", "tasks.rety")).stderr).toContain("Did you mean retry?");
  expect((await capstan("-o", "jsn", "runs", "list")).stderr).toContain("Did you mean json");
});

test.each([
  ["limits", "rm", "db"],
  ["vars", "unset", "region"],
  ["endpoints", "delete", "ep_1"],
  ["members", "remove", "ana"],
  ["tokens", "revoke", "tok_1"],
])("`%s %s` asks for the name, and where nobody can be asked it names the flag", async (...words) => {
  const folder = mkdtempSync(join(tmpdir(), "capstan-confirm-"));
  try {
    writeFileSync(join(folder, "token"), "capstan_pat_secret", { mode: 0o600 });
    const target = ["--server", "http://127.0.0.1:9", "--token-file", join(folder, "token")];
    const said = await capstan(...words, ...target, "--no-input");
    expect(said.code).toBe(2);
    expect(said.stderr).toContain(`${words[2] ?? ""}`);
    expect(said.stderr).toContain("add -y");
    expect((await capstan(...words, ...target, "-y")).code).toBe(7);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("help is no failure", async () => {
  const said = await capstan("run", "--help");
  expect(said.code).toBe(0);
  expect(said.stdout).toContain("capstan run hello --watch");
});

test("no control plane to talk to is exit code 7 with the next command", async () => {
  const said = await capstan("status", "--data", "/nonexistent/.capstan", "-o", "json");
  expect(said.code).toBe(7);
  expect(said.stderr).toContain("capstan dev");
  expect(JSON.parse(said.stdout)).toMatchObject({ code: "unreachable", retryable: true });
});

test("a server without a token is exit code 4, and one that nobody serves is 7", async () => {
  expect((await capstan("status", "--server", "http://127.0.0.1:9")).code).toBe(4);
  const folder = mkdtempSync(join(tmpdir(), "capstan-token-"));
  try {
    writeFileSync(join(folder, "token"), "capstan_pat_secret", { mode: 0o600 });
    const said = await capstan("status", "--server", "http://127.0.0.1:9", "--token-file", join(folder, "token"));
    expect(said.code).toBe(7);
    expect(said.stderr).toContain("http://127.0.0.1:9 cannot be reached: ");
    expect(said.stderr).not.toContain("capstan_pat_secret");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a workflow with a mistake is exit code 3 and names file, line and column", async () => {
  const folder = mkdtempSync(join(tmpdir(), "capstan-validate-"));
  try {
    const file = join(folder, "bad.yaml");
    writeFileSync(file, "version: 1\nname: bad\ntasks:\n  a: { run: echo, neds: [b] }\n");
    const said = await capstan("validate", file, "-o", "json");
    expect(said.code).toBe(3);
    expect(JSON.parse(said.stdout)).toMatchObject({ ok: false, problems: [{ code: "unknown_key", line: 4, file }] });
    writeFileSync(file, "version: 1\nname: good\ntasks:\n  a: { run: echo }\n");
    expect((await capstan("validate", file)).code).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
