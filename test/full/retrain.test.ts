// The weekly retraining for real: its Python environment is built from the package index, models are trained on real data,
// and the best is shipped only where it is good enough.
import { spawnSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProduct, type Product } from "../support/product.ts";
import { root } from "../support/sources.ts";

const example = join(root, "examples/11-weekly-retrain");
const files = [
  "workflows/weekly_retrain.yaml",
  "requirements.txt",
  "ml/__init__.py",
  "ml/data.py",
  "ml/train.py",
  "ml/select.py",
];

const index = spawnSync("python3", ["-m", "pip", "download", "--no-deps", "-q", "-d", "/dev/null/x", "six==1.16.0"], {
  encoding: "utf8",
});
/** pip tells a missing index before a folder that cannot be made. */
const hasIndex =
  index.status !== null && !/No matching distribution|Could not fetch URL|No module named pip/.test(index.stderr);

let product: Product;
let store: Server;
let stored = 0;
beforeAll(async () => {
  store = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => (stored += chunk.length));
    request.on("end", () => response.writeHead(201).end());
  });
  await new Promise<void>((resolve) => store.listen(0, "127.0.0.1", resolve));
  const texts = files.map((file) => [file, readFileSync(join(example, file), "utf8")] as const);
  product = await startProduct({ files: Object.fromEntries(texts), args: ["--empty", "--no-console"] });
}, 120_000);
afterAll(async () => {
  store.close();
  await product.remove();
});

test.runIf(hasIndex)(
  "the best model of the grid is shipped above the threshold, and kept back below it",
  async () => {
    const address = store.address();
    const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/models`;
    const run = async (...inputs: string[]): Promise<unknown> => {
      const words = [`store=${url}`, ...inputs].flatMap((input) => ["-i", input]);
      const done = await product.cli(["run", "weekly_retrain", ...words, "--wait", "-o", "json"], {
        timeoutMs: 280_000,
      });
      expect(done.code, done.stdout + done.stderr).toBe(0);
      return (JSON.parse(done.stdout) as { outputs: unknown }).outputs; // the run's own view
    };
    const shipped = await run();
    expect(shipped).toMatchObject({ shipped: true, accuracy: expect.any(Number) });
    expect(stored).toBeGreaterThan(10_000);
    const before = stored;
    expect(await run("threshold=0.999")).toMatchObject({ shipped: false });
    expect(stored).toBe(before);
    const explained = await product.cli(["explain", "weekly_retrain-2/ship"]);
    expect(explained.stdout).toContain("skipped_by_condition");
    expect(explained.stdout).toContain("inputs.threshold=0.999");
  },
  600_000,
);
