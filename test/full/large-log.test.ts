// 200 MB of log in one task: stored to the last byte, and nobody's memory grows with it.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProduct, type Product } from "../support/product.ts";

const bytes = 200_000_000;
const lineBytes = 100;

const workflows = {
  "workflows/loud.yaml": `version: 1
name: loud
tasks:
  shout:
    timeout: 10m
    run: |
      head -c ${(bytes / lineBytes) * (lineBytes - 1)} /dev/zero | tr '\\\\0' x | fold -w ${lineBytes - 1}
      echo
      echo the-last-line
`,
};

let product: Product;
beforeAll(async () => {
  product = await startProduct({ files: workflows, args: ["--empty"] });
});
afterAll(async () => {
  await product?.remove();
});

const residentBytes = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+([0-9]+) kB/m.exec(status)?.[1] ?? 0) * 1024;
};

test("200 MB of log are stored to the last byte", async () => {
  const done = await product.cli(["run", "loud", "--wait", "-o", "json"], { timeoutMs: 250_000 });
  expect(done.code, done.stderr).toBe(0);
  const logs = await product.cli(["logs", "loud-1", "--raw"], { timeoutMs: 200_000 });
  expect(Buffer.byteLength(logs.stdout)).toBeGreaterThanOrEqual(bytes - lineBytes);
  expect(logs.stdout.trimEnd().endsWith("the-last-line")).toBe(true);
  for (const { pid, command } of product.processes(/(control-plane|agent)\/dist\//)) {
    expect(residentBytes(pid), command).toBeLessThan(1024 * 1024 * 1024);
  }
}, 600_000);
