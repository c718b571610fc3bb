import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { delegateControllers, limitTree } from "./cgroup-limits.ts";

/** A folder with the files that the kernel would show. */
function folder(...files: readonly string[]): string {
  const cgroup = mkdtempSync(join(tmpdir(), "capstan-cgroup-"));
  for (const file of files) writeFileSync(join(cgroup, file), "");
  return cgroup;
}
const read = (cgroup: string, file: string): string => readFileSync(join(cgroup, file), "utf8");

test("memory is bounded without swap and with the whole tree, processors by a quota", () => {
  const cgroup = folder("memory.max", "memory.swap.max", "memory.oom.group", "cpu.max");
  expect(limitTree({ cgroup }, { cpu: 1.5, memoryBytes: 512 * 1024 ** 2, gpu: 1 })).toBeUndefined();
  expect(read(cgroup, "memory.max")).toBe("536870912");
  expect(read(cgroup, "memory.swap.max")).toBe("0");
  expect(read(cgroup, "memory.oom.group")).toBe("1");
  expect(read(cgroup, "cpu.max")).toBe("150000 100000");
});

test("a share of a processor below what the kernel takes is the least that it takes", () => {
  const cgroup = folder("cpu.max");
  expect(limitTree({ cgroup }, { cpu: 0.001 })).toBeUndefined();
  expect(read(cgroup, "cpu.max")).toBe("1000 100000");
});

test("what the host cannot limit is said, and no file is made", () => {
  const cgroup = folder("cpu.max");
  expect(limitTree({ cgroup }, { cpu: 1, memoryBytes: 1 })).toBe(
    "memory of resources is counted, and not limited by this host",
  );
  expect(limitTree({ cgroup: "" }, { cpu: 1, memoryBytes: 1 })).toContain("memory and cpu");
  expect(limitTree({ cgroup: "" }, { gpu: 1, diskBytes: 1 })).toBeUndefined();
  delegateControllers(cgroup);
  expect(readdirSync(cgroup)).toEqual(["cpu.max"]);
});
