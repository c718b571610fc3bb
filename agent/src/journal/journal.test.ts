import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { idFromUuid, uuidV7, type AttemptId, type FinishItem } from "@capstan/proto";
import { randomBytes } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { Journal } from "./journal.ts";

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(`${tmpdir()}/capstan-journal-`);
  folders.push(made);
  return made;
};
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});
const newAttempt = (): AttemptId => idFromUuid("att", uuidV7(Date.now(), randomBytes(10)));
const finishOf = (attempt: AttemptId): FinishItem => ({ kind: "finish", attempt, epoch: 1, outcome: "succeeded" });

test("what was written is known after a crash, without closing", async () => {
  const dir = folder();
  const [a, b, c] = [newAttempt(), newAttempt(), newAttempt()];
  const journal = new Journal(dir);
  journal.connect(7, 2);
  for (const attempt of [a, b, c]) journal.taken(attempt, 1, 5);
  await journal.result(finishOf(a));
  journal.forget(c, 1);
  journal.flush();
  const again = new Journal(dir);
  expect(again.connectNo).toBe(7);
  expect([...again.attempts.keys()]).toEqual([a, b]);
  expect(again.attempts.get(a)?.result).toEqual(finishOf(a));
  expect(again.attempts.get(b)?.result).toBeUndefined();
});

test("a torn tail is cut, and what is before it stands", async () => {
  const dir = folder();
  const attempt = newAttempt();
  const journal = new Journal(dir);
  journal.taken(attempt, 1, 5);
  await journal.sync();
  const [piece = ""] = readdirSync(`${dir}/journal`);
  appendFileSync(`${dir}/journal/${piece}`, Buffer.from([0, 0, 0, 50, 1, 2, 3]));
  const again = new Journal(dir);
  expect(again.cutBytes).toBe(7);
  expect(again.attempts.has(attempt)).toBe(true);
});

test("garbage for a journal does not stop the agent", () => {
  const dir = folder();
  new Journal(dir).close();
  writeFileSync(`${dir}/journal/000009.log`, randomBytes(4096));
  expect(new Journal(dir).attempts.size).toBe(0);
});

test("pieces stay few, whatever passes through", async () => {
  const dir = folder();
  const journal = new Journal(dir);
  const kept = newAttempt();
  journal.taken(kept, 1, 5);
  const text = "x".repeat(200_000);
  for (let i = 0; i < 200; i++) {
    const attempt = newAttempt();
    journal.taken(attempt, 1, 5);
    await journal.result({ ...finishOf(attempt), outputs: { text } });
    journal.forget(attempt, 1);
  }
  journal.flush();
  expect(readdirSync(`${dir}/journal`).length).toBeLessThanOrEqual(2);
  expect([...new Journal(dir).attempts.keys()]).toEqual([kept]);
});
