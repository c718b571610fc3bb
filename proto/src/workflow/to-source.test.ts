import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { readWorkflow } from "./read.ts";
import { sourceOfCanonical } from "./to-source.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const workflowsBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.ya?ml$/.test(path))
    .map((path) => join(folder, path));
const files = [...workflowsBelow(join(root, "examples")), ...workflowsBelow(join(root, "sdk", "test", "one-digest"))];

/** The digest after a walk to the canonical form, back to YAML, and to the canonical form again. */
function digests(text: string): readonly (string | undefined)[] {
  const first = readWorkflow({ text });
  if (first.document === undefined) throw new Error(JSON.stringify(first.problems));
  const again = readWorkflow({
    text: stringify(sourceOfCanonical(first.document), { lineWidth: 0, aliasDuplicateObjects: false }),
  });
  expect(again.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  expect(again.document).toEqual(first.document);
  return [first.digest, again.digest];
}

test.for(files)("%s: the canonical form as YAML gives the same digest back", (path) => {
  const [first, again] = digests(readFileSync(path, "utf8"));
  expect(again).toBe(first);
});

test("keys of an author's own that look like ours stay as they are", () => {
  const [first, again] = digests(`
version: 1
name: keys
inputs: { delay: { type: integer, default: 5 }, iff: string }
tasks:
  a:
    http:
      url: https://x.example
      json: { delayMs: 5, if: "\${{ inputs.iff }}", outputs: { type: x }, text: "$\${{ no }}", cost: '\${{ "$" }}\${{ inputs.delay }}' }
    with: { timeoutMs: 3, hooks: [1], needs: [a], labels: { action: b } }
    env: { delayMs: "1" }
    runsOn: { labels: x, host: [a, "\${{ inputs.iff }}"] }
    timeout: 1d2h3m4s5ms
    retry: { attempts: 2, delay: 0s, maxDelay: 90m }
    outputs: { properties: { type: object, properties: { default: string, items: { type: array, items: integer } } } }
  b: { run: "echo \${x}", if: "'x'   == \\"y  z\\"", needs: [a] }
outputs: { one: "\${{ tasks.a.outputs.properties }}", two: { value: { a: 1 }, type: object }, three: 4 }
`);
  expect(again).toBe(first);
});
