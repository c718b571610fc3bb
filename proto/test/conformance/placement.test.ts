// `runsOn.expr` and `prefer`: what may be written, and what it becomes.
import { expect, test } from "vitest";
import { readWorkflow } from "../../src/index.ts";

const read = (runsOn: string) =>
  readWorkflow({
    text: `version: 1\nname: w\ntasks:\n  a: { run: "true" }\n  b:\n    run: "true"\n    runsOn: ${runsOn}\n`,
    file: "w.yaml",
  });
const codes = (runsOn: string) => read(runsOn).problems.map(({ code, pointer }) => [code, pointer]);

test("expr is a bare expression over agent, and prefer a list of labels or a task", () => {
  const { document, problems } = read(
    '{ zone: onprem, expr: "double(agent.labels.mem_gb)  >= 32.0", prefer: [{ sameAs: a, weight: 50 }, { labels: { gpu: "true" }, weight: 5 }] }',
  );
  expect(problems).toEqual([]);
  expect(document?.tasks["b"]?.runsOn).toEqual({
    labels: { zone: "onprem" },
    expr: { $expr: "double(agent.labels.mem_gb) >= 32.0" },
    prefer: [
      { sameAs: "a", weight: 50 },
      { labels: { gpu: "true" }, weight: 5 },
    ],
  });
});

test.each([
  ['{ expr: "agent.slots" }', "type_mismatch", "/tasks/b/runsOn/expr"],
  ["{ expr: \"agent.labls.x == '1'\" }", "unknown_name", "/tasks/b/runsOn/expr"],
  ['{ expr: "inputs.x == 1" }', "not_available_here", "/tasks/b/runsOn/expr"],
  ["{ prefer: [{ sameAs: c, weight: 1 }] }", "unknown_task", "/tasks/b/runsOn/prefer/0/sameAs"],
  ["{ prefer: [{ labels: { a: b }, weight: 0 }] }", "bad_value", "/tasks/b/runsOn/prefer/0/weight"],
] as const)("%s → %s", (runsOn, code, pointer) => {
  expect(codes(runsOn)).toContainEqual([code, pointer]);
});

test.each([
  ["prefer: [{ weight: 1 }]", "bad_value", "/hooks/onSuccess/0/runsOn/prefer/0"],
  ["prefer: [{ sameAs: a, labels: { a: b }, weight: 1 }]", "bad_value", "/hooks/onSuccess/0/runsOn/prefer/0"],
  ["prefer: [{ sameAs: z, weight: 1 }]", "unknown_task", "/hooks/onSuccess/0/runsOn/prefer/0/sameAs"],
  ["expr: agent.slots", "type_mismatch", "/hooks/onSuccess/0/runsOn/expr"],
] as const)("a hook with %s → %s", (runsOn, code, pointer) => {
  const text = `version: 1\nname: w\ntasks:\n  a: { run: "true" }\nhooks:\n  onSuccess:\n    - run: "true"\n      runsOn: { ${runsOn} }\n`;
  expect(readWorkflow({ text, file: "w.yaml" }).problems.map((one) => [one.code, one.pointer])).toEqual([
    [code, pointer],
  ]);
});

test("resources are numbers of processors and cards, and sizes, which defaults may give a part of", () => {
  const text = `version: 1
name: w
defaults: { resources: { cpu: 0.5, memory: 512Mi } }
tasks:
  a: { run: "true" }
  b: { run: "true", resources: { memory: 2G, gpu: 1, disk: 10Gi, slots: 2 } }
`;
  const { document, problems } = readWorkflow({ text, file: "w.yaml" });
  expect(problems).toEqual([]);
  expect(document?.tasks["a"]?.resources).toEqual({ cpu: 0.5, memory: 536_870_912 });
  expect(document?.tasks["b"]?.resources).toEqual({
    cpu: 0.5,
    memory: 2_000_000_000,
    gpu: 1,
    disk: 10_737_418_240,
    slots: 2,
  });
});

test.each(["{ cpu: -1 }", "{ memory: 512MB }", "{ gpu: 65 }"])("resources: %s is no amount", (resources) => {
  const text = `version: 1\nname: w\ntasks:\n  a: { run: "true", resources: ${resources} }\n`;
  expect(readWorkflow({ text, file: "w.yaml" }).problems.map((one) => one.code)).toEqual(["bad_value"]);
});
