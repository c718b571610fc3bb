// The file of `CAPSTAN_CANCEL`: why the task is to stop, and how long it has.
import { renameSync, writeFileSync } from "node:fs";
import { messageOf } from "./attempt-word.ts";
import type { Stop } from "./finish-item.ts";

/** Why it could not be written; undefined where it was. */
export function writeCancelFile(path: string, { reason, graceMs }: Stop): string | undefined {
  try {
    const temporary = `${path}.new`; // exclusive: what a task has put there is not followed
    writeFileSync(temporary, JSON.stringify({ reason: reason === "lease_over" ? "lease_end" : reason, graceMs }), {
      mode: 0o644,
      flag: "wx",
    });
    renameSync(temporary, path);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
