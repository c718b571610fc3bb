// The disk's share of a figure: 8 KB written and flushed, over and over, in the folder where the database lives.
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { percentile } from "./statistics.ts";

export interface FsyncControl {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Flushes for about `ms` milliseconds. */
export function fsyncControl(folder: string, ms: number): FsyncControl {
  const path = join(folder, "fsync-control");
  const file = openSync(path, "w");
  const block = Buffer.alloc(8192, 1);
  const took: number[] = [];
  try {
    const until = performance.now() + ms;
    while (performance.now() < until) {
      writeSync(file, block, 0, block.length, 0);
      const from = performance.now();
      fdatasyncSync(file);
      took.push(performance.now() - from);
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  return { p50Ms: percentile(took, 0.5), p99Ms: percentile(took, 0.99), maxMs: Math.max(...took) };
}
