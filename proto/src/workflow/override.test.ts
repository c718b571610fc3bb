import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import { deriveWorkflow, type Overrides } from "./override.ts";
import { readWorkflow } from "./read.ts";
import type { CanonicalWorkflow } from "./canonical.ts";

const text = `
version: 1
name: load
overridable: [/tasks/load/timeout, /tasks/load/env, /tasks/load/run/script, /tasks/load/runsOn, /priority, /hooks/onSuccess/0/slack/text]
secrets: { HOOK: env:CAPSTAN_SECRET_HOOK }
tasks:
  load:
    run: echo hi
    timeout: 10m
    env: { LEVEL: info }
  after: { run: "true", needs: [load] }
hooks:
  onSuccess: [{ slack: { webhook: "\${{ secrets.HOOK }}", text: done } }]
`;

function documentOf(given: string): CanonicalWorkflow {
  const { document, problems } = readWorkflow({ text: given });
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return document;
}
const parent = documentOf(text);
const digest = digestOf(parent);
const derive = (set: Overrides) => deriveWorkflow(parent, digest, set);

test("a listed place is changed, and nothing else", () => {
  const made = derive({ "/tasks/load/timeout": "20m", "/tasks/load/env/LEVEL": "debug", "/priority": 1 });
  if (made.kind !== "derived") throw new Error(JSON.stringify(made.problems));
  const { derived, ...document } = made.document;
  const load = parent.tasks["load"];
  expect(document).toEqual({
    ...parent,
    priority: 1,
    tasks: { ...parent.tasks, load: { ...load, timeoutMs: 1_200_000, env: { LEVEL: "debug" } } },
  });
  expect(derived).toEqual({
    from: digest,
    set: { "/tasks/load/timeout": "20m", "/tasks/load/env/LEVEL": "debug", "/priority": 1 },
  });
});

test("an action that was written short has its fields all the same, and so has a hook", () => {
  const made = derive({ "/tasks/load/run/script": "echo ho", "/hooks/onSuccess/0/slack/text": "all done" });
  if (made.kind !== "derived") throw new Error(JSON.stringify(made.problems));
  expect(made.document.tasks["load"]?.action).toEqual({ run: { script: "echo ho" } });
  expect(JSON.stringify(made.document.hooks)).toContain('"text":"all done"');
});

test("what is not there yet is made below a listed place, and null takes away", () => {
  const made = derive({ "/tasks/load/runsOn/gpu": "true", "/tasks/load/env": null, "/tasks/load/timeout": null });
  if (made.kind !== "derived") throw new Error(JSON.stringify(made.problems));
  const { env, timeoutMs, runsOn } = made.document.tasks["load"] ?? {};
  expect([env, timeoutMs, runsOn]).toEqual([undefined, undefined, { labels: { gpu: "true" } }]);
});

test("the same changes make the same version, in whatever order they are given", () => {
  const one = derive({ "/priority": 1, "/tasks/load/timeout": "20m" });
  const other = derive({ "/tasks/load/timeout": "20m", "/priority": 1 });
  if (one.kind !== "derived" || other.kind !== "derived") throw new Error("refused");
  expect(digestOf(one.document)).toBe(digestOf(other.document));
  expect(digestOf(one.document)).not.toBe(digest);
});

test.for<[string, Overrides[string]]>([
  ["/tasks/after/run/script", "id"],
  ["/tasks/load", { run: "id" }],
  ["/tasks/load/timeoutTotal", "1m"],
  ["/tasks/load/python/call", "a:b"],
  ["/overridable", ["/tasks/after"]],
  ["/secrets/HOOK", "env:CAPSTAN_SECRET_OTHER"],
  ["/name", "other"],
  ["tasks/load/timeout", "1m"],
  ["/tasks/load/env/__proto__", "x"],
  ["/tasks/load/env/X", "${{ secrets.HOOK }}"],
  ["/tasks/load/env", { X: "a ${{ inputs.x }}" }],
])("%s is refused at its place", ([pointer, value]) => {
  expect(derive({ "/priority": 1, [pointer]: value })).toMatchObject({
    kind: "refused",
    code: "not_overridable",
    problems: [{ code: "not_overridable", pointer }],
  });
});

test.for<[string, Overrides[string], string]>([
  ["/tasks/load/timeout", 20, "bad_duration"],
  ["/tasks/load/runsOn/gpu", true, "wrong_type"],
  ["/priority", 9, "bad_value"],
  ["/tasks/load/env/CAPSTAN_X", "1", "reserved_name"],
  ["/tasks/load/env/LEVEL/deep", "1", "bad_value"],
])("%s: %j is checked as in a file", ([pointer, value, code]) => {
  const made = derive({ [pointer]: value });
  if (made.kind === "derived") throw new Error("it was taken");
  expect(made.code).toBe("spec_invalid");
  expect(made.problems).toMatchObject([{ code, pointer }]);
  expect(made.problems[0]).not.toHaveProperty("line");
});

test("a version that was made for a run is no parent", () => {
  const made = derive({ "/priority": 1 });
  if (made.kind !== "derived") throw new Error("refused");
  const again = deriveWorkflow(made.document, digestOf(made.document), { "/priority": 2 });
  expect(again).toMatchObject({ kind: "refused", code: "not_overridable" });
});

const examples = join(import.meta.dirname, "..", "..", "..", "examples");
const files = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((path) => /\.ya?ml$/.test(path));
test.for(files)("%s: changing nothing gives the same document", (path) => {
  const document = documentOf(readFileSync(join(examples, path), "utf8"));
  const made = deriveWorkflow(document, digestOf(document), {});
  if (made.kind !== "derived") throw new Error(JSON.stringify(made.problems));
  const { derived: _, ...same } = made.document;
  expect(same).toEqual(document);
});

test.for<[string, string]>([
  ["tasks/load", "bad_value"],
  ["/tasks/load", "bad_value"],
  ["/tasks/lod/timeout", "unknown_task"],
  ["/tasks/load/timeOut", "unknown_key"],
  ["/tasks/load/retry/attemps", "unknown_key"],
  ["/tasks/load/run/skript", "unknown_key"],
  ["/inputs/day", "bad_value"],
  ["/defaults/timeout", "bad_value"],
  ["/triggers/0", "bad_value"],
  ["/name", "bad_value"],
])("overridable: [%s] is %s", ([pointer, code]) => {
  const { problems } = readWorkflow({ text: text.replace("/priority", pointer), file: "load.yaml" });
  expect(problems).toMatchObject([{ code, pointer: "/overridable/4", line: 4 }]);
});

test("places that are not in the file yet can be listed", () => {
  const more =
    "/tasks/load/retry/attempts, /tasks/load/runsOn/gpu, /tasks/load/with/a/b, /tasks/load/hooks, /concurrency/limit";
  expect(readWorkflow({ text: text.replace("/priority", more) }).problems).toEqual([]);
});
