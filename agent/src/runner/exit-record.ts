// The result of an attempt on disk, for when no agent is there to take it.
//  E1. Written whole or not at all: temporary file, fsync, rename.
//  E2. Written only where the agent has not journalled the result within a second: the agent's journal is the record,
//      and an fsync per attempt would cost more than a no-op task (performance rule 14).
import { closeSync, fsyncSync, openSync, readFileSync, readdirSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { finishItemSchema, type FinishItem } from "@capstan/proto";

const nameOf = (attempt: string, epoch: number): string => `${attempt}.${epoch}.json`;

export function writeExitRecord(folder: string, finish: FinishItem): void {
  const path = `${folder}/${nameOf(finish.attempt, finish.epoch)}`;
  const fd = openSync(`${path}.tmp`, "w", 0o600);
  try {
    writeSync(fd, JSON.stringify(finish));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
}

export function removeExitRecord(folder: string, attempt: string, epoch: number): void {
  try {
    unlinkSync(`${folder}/${nameOf(attempt, epoch)}`);
  } catch {
    // There was none.
  }
}

/** All whole records of the folder; torn and foreign files are left out. */
export function readExitRecords(folder: string): FinishItem[] {
  const found: FinishItem[] = [];
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".json")) continue;
    try {
      const parsed = finishItemSchema.safeParse(JSON.parse(readFileSync(`${folder}/${name}`, "utf8")));
      if (parsed.success) found.push(parsed.data);
    } catch {
      // Not JSON: not ours, or its disk broke. The attempt counts as lost with its runner.
    }
  }
  return found;
}
