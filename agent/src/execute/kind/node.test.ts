import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { encodeBundle, type CanonicalTask, type NodeAction } from "@capstan/proto";
import { createExecutors } from "./index.ts";
import { settingsFrom } from "./config.ts";
import { openBench, runPrepared, type Ran } from "./testing.ts";

const bench = openBench();
afterAll(() => bench.end());
const executor = createExecutors(settingsFrom({ PATH: process.env["PATH"], HOME: "/" }))["node"];
const packed = gzipSync(
  encodeBundle([
    { path: "lib/name.mjs", executable: false, content: Buffer.from("export const name = 'capstan';") },
    {
      path: "jobs.mjs",
      executable: false,
      content: Buffer.from(
        "import { name } from './lib/name.mjs';\nexport const greet = ({ input }) => ({ text: `${name} ${input.who}` });\nexport function broken() {\n  throw new TypeError('bad thing');\n}\nexport const skip = ({ Skip }) => { throw new Skip('nothing'); };\nexport const later = ({ Retry }) => { throw new Retry('wait', { afterMs: 1500 }); };\n",
      ),
    },
  ]),
);
const bundle = { path: join(bench.folder, "bundle"), sha256: createHash("sha256").update(packed).digest("hex") };
writeFileSync(bundle.path, packed);

async function run(node: NodeAction, task: Omit<CanonicalTask, "needs" | "action"> = {}): Promise<Ran> {
  if (executor === undefined) throw new Error("no executor");
  return await runPrepared(await executor.prepare(bench.context({ ...task, action: { node } }, { bundle })));
}

test("inline text gets its inputs and gives its outputs", async () => {
  const { finished } = await run(
    { inline: "export default ({ input }) => ({ characters: input.text.length })" },
    { with: { text: "hello" }, outputs: { characters: { type: "integer" } } },
  );
  expect(finished).toMatchObject({ outcome: "succeeded", outputs: { characters: 5 } });
});

test("a named export of a file in the bundle is called and may import its neighbours", async () => {
  const { finished } = await run(
    { file: "jobs.mjs#greet" },
    { with: { who: "you" }, outputs: { text: { type: "string" } } },
  );
  expect(finished.outputs).toEqual({ text: "capstan you" });
});

test("an exception is told with type, file and line", async () => {
  const { finished, output } = await run({ file: "jobs.mjs#broken" });
  expect(finished.failure).toMatchObject({
    code: "exception",
    type: "TypeError",
    message: "bad thing",
    file: "jobs.mjs",
    line: 4,
  });
  expect(output).toContain("TypeError: bad thing");
});

test("Retry and Skip are the task's own words", async () => {
  expect((await run({ file: "jobs.mjs#later" })).finished).toMatchObject({
    outcome: "failed",
    retryable: true,
    retryAfterMs: 1500,
  });
  expect((await run({ file: "jobs.mjs#skip" })).finished).toMatchObject({ skip: true });
});

test("a path that leaves the bundle is refused before anything runs", async () => {
  await expect(run({ file: "../outside.mjs" })).rejects.toThrow(/code bundle/);
});
