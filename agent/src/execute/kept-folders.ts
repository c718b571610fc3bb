// Work folders that were kept after a failure: a day, and of those the newest twenty.
import { readdirSync, rmSync, statSync } from "node:fs";

export const keptMsMax = 24 * 60 * 60 * 1000;
export const keptFoldersMax = 20;

/** Removes folders of attempts that nobody holds and that are too old or too many. Follows no link. */
export function sweepWorkFolders(folder: string, held: ReadonlySet<string>, nowMs: number): void {
  const kept = readdirSync(folder)
    .filter((name) => !held.has(name))
    .map((name) => ({
      path: `${folder}/${name}`,
      ms: statSync(`${folder}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }))
    .toSorted((a, b) => b.ms - a.ms);
  for (const [position, { path, ms }] of kept.entries()) {
    if (position >= keptFoldersMax || nowMs - ms > keptMsMax) rmSync(path, { recursive: true, force: true });
  }
}
