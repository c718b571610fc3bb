// Data that may not leave: nothing of it is in the control plane's database, store or log files, and it is there for who
// may read on the agent's host.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folderWith, freePort, Product } from "../support/product.ts";

const marker = "Anna-Alexandra-1971";
const workflow = `version: 1
name: care
data: { patient: { allowedOn: { zone: onprem } } }
defaults: { runsOn: { zone: onprem } }
tasks:
  cohort:
    run: |
      echo ${marker}
      printf '{"type":"note","text":"${marker}"}\\n' >> "$CAPSTAN_EVENTS"
      echo "# ${marker}" > "$CAPSTAN_SUMMARY"
      echo ${marker} > "$CAPSTAN_OUT_DIR/${marker}.csv"
      echo "rows=${marker}.csv" >> "$CAPSTAN_OUTPUTS"
    outputs: { rows: { type: file, data: patient } }
  mean:
    run: |
      cat "$ROWS"
      echo "length=$(head -c 4 "$ROWS" | wc -c)" >> "$CAPSTAN_OUTPUTS"
    env: { ROWS: "\${{ tasks.cohort.outputs.rows }}" }
    outputs: { length: { type: integer, data: public, declassify: { from: patient, reason: a number } } }
  fails:
    allowFailure: true
    run: |
      printf '{"type":"Odd","message":"%s"}' "$(cat "$ROWS")" > "$CAPSTAN_ERROR"
      exit 1
    env: { ROWS: "\${{ tasks.cohort.outputs.rows }}" }
outputs: { length: "\${{ tasks.mean.outputs.length }}" }
`;

let product: Product;
beforeAll(async () => {
  // The marker is in the workflow's own text, which is no data: it is put together on the agent alone.
  const text = workflow.replaceAll(marker, "$WHO").replace("defaults: {", "defaults: { env: { A: Anna, B: 1971 },");
  const script = text
    .replaceAll("    run: |\n", '    run: |\n      WHO="$A-Alexandra-$B"\n')
    .replaceAll('"text":"$WHO"', '"text":"\'$WHO\'"');
  const files = { "workflows/care.yaml": script, "capstan.dev.json": JSON.stringify({ labels: { zone: "onprem" } }) };
  product = new Product(await folderWith(files), await freePort(), { files, args: ["--no-console"] });
  await product.start();
}, 180_000);
afterAll(async () => {
  await product.stop();
  await product.remove();
}, 60_000);

test("no byte of a kept file, log line, message, summary or note reaches database, store or server", async () => {
  const run = await product.cli(["run", "care", "--wait", "-o", "json"], { timeoutMs: 90_000 });
  expect(run.code, run.stderr).toBe(0);
  expect((await product.run("care-1")).outputs).toEqual({ length: 4 });
  const logs = await product.cli(["logs", "care-1"]);
  expect(logs.stdout).toBe("");
  const [, command = ""] =
    /the log of cohort stays on the host of laptop \(st_[0-9a-f]+\); there: capstan (.+)/.exec(logs.stderr) ?? [];
  const there = await product.cli(command.split(" "));
  expect(there.stdout.split("\n")).toContain(marker);
  const failed = (await product.tasks("care-1")).find(({ task }) => task === "fails");
  expect(failed?.failure).toMatchObject({ code: "exception", message: "its message stays with its log, on its agent" });

  const found = holding(product.data, marker);
  expect(found.filter((path) => !path.startsWith("agent/"))).toEqual([]);
  // The search finds what there is: the agent has it all.
  expect(found.some((path) => path.startsWith("agent/store/files/"))).toBe(true);
});

test("a file is asked for by its digest on the host that has it", async () => {
  const cohort = (await product.tasks("care-1")).find(({ task }) => task === "cohort");
  const { rows } = (cohort?.outputs ?? {}) as { rows: { $file: { name: string; sha256: string } } }; // as declared
  const { $file } = rows;
  expect($file.name).toBe("rows");
  const file = await product.cli(["agent", "file", $file.sha256]);
  expect(file).toMatchObject({ code: 0, stdout: `${marker}\n` });
});

/** Paths below a folder of the files that hold a text. */
function holding(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text))
    .map((path) => path.slice(folder.length + 1));
}
