import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { until } from "../testing/agent-fixture.ts";
import { memoryFolder } from "../workspace/memory-folder.ts";
import { FolderPool, isFolderOf, removeFoldersOf, type AttemptFolders } from "./attempt-folders.ts";

const dataDir = mkdtempSync(join(tmpdir(), "capstan-folders-"));
const work = join(dataDir, "work");
mkdirSync(work);
const pool = new FolderPool(dataDir, work, 1);
afterAll(() => {
  pool.close();
  rmSync(memoryFolder(dataDir) ?? dataDir, { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
});

/** Folders that are old enough to be judged by their change times. */
async function takeJudged(): Promise<AttemptFolders> {
  let taken: AttemptFolders | undefined;
  await until(() => {
    if (taken !== undefined) void pool.giveBack(taken);
    taken = pool.take();
    return taken.changed !== undefined;
  });
  if (taken === undefined) throw new Error("nothing was taken");
  return taken;
}

test("folders that nobody touched are handed out again, and those that were touched are not", async () => {
  if (memoryFolder(dataDir) === undefined) return; // without a tmpfs all are used once
  const untouched = await takeJudged();
  await pool.giveBack(untouched);
  expect([untouched.space, untouched.exchange].map((folder) => existsSync(folder))).toEqual([true, true]);
  for (const place of ["space", "work", "exchange"] as const) {
    const touched = await takeJudged();
    const folder = place === "work" ? join(touched.space, "work") : touched[place];
    writeFileSync(join(folder, "left"), "x");
    rmSync(join(folder, "left"));
    await pool.giveBack(touched);
    expect([touched.space, touched.exchange].map((one) => existsSync(one))).toEqual([false, false]);
  }
});

test("what a dead runner has left in memory goes, and what another one carries stays", () => {
  const memory = memoryFolder(dataDir);
  if (memory === undefined) return;
  for (const name of ["w7-1", "w71-1", "w8-1"]) mkdirSync(join(memory, name));
  removeFoldersOf(dataDir, work, 7);
  expect(
    readdirSync(memory)
      .filter((name) => /^w[78]/.test(name))
      .toSorted(),
  ).toEqual(["w71-1", "w8-1"]);
  expect(["w71-1", "w8-1"].map((name) => isFolderOf(name, [1, 8]))).toEqual([false, true]);
  for (const runner of [71, 8]) removeFoldersOf(dataDir, work, runner);
});

test("what a failed attempt left is kept under its id, without large files", async () => {
  const folders = pool.take();
  writeFileSync(join(folders.exchange, "script.sh"), "exit 1");
  writeFileSync(join(folders.space, "work/half"), "result");
  if (folders.exchange !== `${folders.space}/exchange`)
    writeFileSync(join(folders.exchange, "big"), Buffer.alloc(2 ** 21));
  await pool.keep("att_kept", folders);
  expect(readFileSync(join(work, "att_kept/exchange/script.sh"), "utf8")).toBe("exit 1");
  expect(readFileSync(join(work, "att_kept/work/half"), "utf8")).toBe("result");
  expect(readdirSync(join(work, "att_kept/exchange"))).toEqual(["script.sh"]);
  expect(existsSync(folders.exchange)).toBe(false);
});
