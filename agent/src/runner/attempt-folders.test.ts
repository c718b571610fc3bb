import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { until } from "../testing/agent-fixture.ts";
import { memoryFolder } from "../workspace/memory-folder.ts";
import { FolderPool, type AttemptFolders } from "./attempt-folders.ts";

const dataDir = mkdtempSync(join(tmpdir(), "capstan-folders-"));
const work = join(dataDir, "work");
mkdirSync(work);
const pool = new FolderPool(dataDir, work, 1);
afterAll(() => {
  pool.close();
  rmSync(memoryFolder(dataDir) ?? dataDir, { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
});

/** Folders whose space is old enough to be judged by its change times. */
async function takeJudged(attempt: string): Promise<AttemptFolders> {
  let taken: AttemptFolders | undefined;
  let n = 0;
  await until(() => {
    if (taken !== undefined) void pool.giveBack(taken);
    taken = pool.take(`${attempt}-${n++}`);
    return taken.changed !== undefined;
  });
  if (taken === undefined) throw new Error("nothing was taken");
  return taken;
}

test("a space that nobody touched is handed out again, and one that was touched is not", async () => {
  if (memoryFolder(dataDir) === undefined) return; // without a tmpfs every space is used once
  const untouched = await takeJudged("a");
  await pool.giveBack(untouched);
  expect(existsSync(untouched.space)).toBe(true);
  expect(existsSync(untouched.exchange)).toBe(false);
  const touched = await takeJudged("b");
  writeFileSync(join(touched.space, "work/left"), "x");
  rmSync(join(touched.space, "work/left"));
  await pool.giveBack(touched);
  expect(existsSync(touched.space)).toBe(false);
});

test("what a failed attempt left is kept under its id, without large files", async () => {
  const folders = pool.take("att_kept");
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
