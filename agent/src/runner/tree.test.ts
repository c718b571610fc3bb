import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { isAlive, until } from "../testing/agent-fixture.ts";
import { killTree, pidsOf, type Tree } from "./tree.ts";

test("without a cgroup, a daemonised child is found by its mark and killed", async () => {
  const folder = mkdtempSync(`${tmpdir()}/capstan-tree-`);
  const tree: Tree = { cgroup: "", attempt: `att_test${process.pid}` };
  const script = `(setsid sh -c 'trap "" TERM; echo $$ > ${folder}/pid; while :; do sleep 0.1; done' &)`;
  spawn("/bin/sh", ["-c", script], {
    detached: true,
    stdio: "ignore",
    env: { PATH: process.env["PATH"], CAPSTAN_ATTEMPT_ID: tree.attempt },
  });
  const pid = (): number => {
    try {
      return Number(readFileSync(`${folder}/pid`, "utf8"));
    } catch {
      return 0;
    }
  };
  await until(() => pid() > 0);
  expect(pidsOf(tree)).toContain(pid());
  expect(await killTree(tree)).toBe(0);
  expect(isAlive(pid())).toBe(false);
  expect(pidsOf(tree)).toEqual([]);
  rmSync(folder, { recursive: true });
});
