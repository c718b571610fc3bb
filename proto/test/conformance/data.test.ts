// Data classes: the cases of the conformance table about them, under their numbers, and what they leave open.
import fc from "fast-check";
import { expect, test } from "vitest";
import { dataRulesOf, formatProblem, readWorkflow, type ReadWorkflow } from "../../src/index.ts";

const head = `version: 1
name: w
data: { patient: { allowedOn: { zone: onprem }, files: central, logs: central } }
`;
const read = (text: string): ReadWorkflow => readWorkflow({ text: head + text, file: "w.yaml" });
const lines = (text: string): readonly string[] => read(text).problems.map(formatProblem);

const cohort = `  cohort: { run: x, runsOn: { zone: onprem }, outputs: { rows: { type: file, data: patient }, count: integer } }
`;
const rows = "${{ tasks.cohort.outputs.rows }}";

test("a class that stays where it may be is valid, and its digest knows the class", () => {
  const text = `tasks:\n${cohort}  join: { run: x, runsOn: { zone: onprem }, env: { R: "${rows}" } }\n`;
  const { problems, document, digest } = read(text);
  expect(problems).toEqual([]);
  expect(document?.tasks["cohort"]?.outputs?.["rows"]?.data).toEqual(["patient"]);
  const other = readWorkflow({ text: head.replace("onprem", "[onprem, edge]") + text });
  expect(other.digest).not.toBe(digest);
});

test("49 · a reader in another zone is refused at its runsOn", () => {
  expect(lines(`tasks:\n${cohort}  ship: { run: x, env: { R: "${rows}" }, runsOn: { zone: cloud } }\n`)).toEqual([
    "w.yaml:6:67 data_rule_violated ship is not bound to zone: onprem, where patient may be: cohort.rows → ship; write runsOn: { zone: onprem }, without an expression",
  ]);
});

test.each([
  "",
  ", runsOn: { zone: [onprem, cloud] }",
  ', runsOn: { zone: "${{ inputs.zone }}" }',
  ", runsOn: { pool: onprem }",
])("49 · only a literal binds a task to a zone:%s", (placement) => {
  const found = lines(
    `inputs: { zone: string }\ntasks:\n${cohort}  ship: { run: x, env: { R: "${rows}" }${placement} }\n`,
  );
  expect(found.map((line) => line.split(" ")[1])).toEqual(["data_rule_violated"]);
});

test("50 · a class is seen through the tasks in between, and the way is told", () => {
  const mix = `  mix: { run: x, runsOn: { zone: onprem }, env: { R: "${rows}" }, outputs: { table: file } }\n`;
  const [line, ...more] = lines(
    `tasks:\n${cohort}${mix}  publish: { run: x, runsOn: { zone: cloud }, env: { T: "\${{ tasks.mix.outputs.table }}" } }\n`,
  );
  expect(line).toContain("data_rule_violated");
  expect(line).toContain("cohort.rows → mix.table → publish");
  expect(more).toEqual([]);
});

test("50 · a condition is a reading too", () => {
  const when = `  when: { run: x, if: tasks.cohort.outputs.rows.size > 0, outputs: { table: file } }\n`;
  expect(lines(`tasks:\n${cohort}${when}`).join()).toContain("data_rule_violated when is not bound");
});

test("51 · public without a word about who took the class away", () => {
  const kpi = (more: string): string =>
    `tasks:\n${cohort}  join: { run: x, runsOn: { zone: onprem }, env: { R: "${rows}" }, outputs: { kpi: { type: object, data: public${more} } } }\n  publish: { run: x, with: { kpi: "\${{ tasks.join.outputs.kpi }}" } }\n`;
  expect(lines(kpi("")).map((line) => line.split(" ")[1])).toEqual(["declassify_missing"]);
  expect(lines(kpi(", declassify: { from: patient, reason: means over groups of ten }"))).toEqual([]);
  expect(lines(kpi(", declassify: { from: patiant, reason: means over groups of ten }")).join()).toContain(
    "unknown_class patiant is not a data class of this workflow; did you mean patient?",
  );
});

test("52 · a value that is no file would be kept by the control plane", () => {
  expect(
    lines(
      `tasks: { a: { run: x, runsOn: { zone: onprem }, outputs: { n: { type: integer, data: patient } } } }\n`,
    ).join(),
  ).toContain("data_inline a.n carries patient");
  expect(lines(`inputs: { id: { type: string, data: patient } }\ntasks: { a: { run: x } }\n`).join()).toContain(
    "data_inline inputs.id carries patient",
  );
  // Undeclared, but made from what the task reads.
  expect(
    lines(
      `tasks:\n${cohort}  a: { run: x, runsOn: { zone: onprem }, env: { R: "${rows}" }, outputs: { n: integer } }\n`,
    ).join(),
  ).toContain("data_inline a.n carries patient and would be kept by the control plane: cohort.rows → a.n");
  expect(
    lines(`tasks:\n  a: { run: x, data: patient, runsOn: { zone: onprem }, outputs: { n: integer } }\n`).join(),
  ).toContain("data_inline");
});

test("53 · no notifier and no label tells a classified value", () => {
  const slack = `hooks: { onEnd: [{ slack: { webhook: "\${{ secrets.S }}", text: "\${{ tasks.cohort.?outputs.?rows.?name.orValue('') }}" } }] }`;
  expect(lines(`secrets: { S: "env:S" }\ntasks:\n${cohort}${slack}\n`).join()).toContain(
    "data_rule_violated the hook onEnd would tell a value of the class patient: cohort.rows",
  );
});

test("a class that nobody declared, and the word that no class may have", () => {
  expect(lines("tasks: { a: { run: x, data: [patient, secret] , runsOn: { zone: onprem } } }\n")).toEqual([
    "w.yaml:4:29 unknown_class secret is not a data class of this workflow; declare it under data, with allowedOn",
  ]);
  const { problems } = readWorkflow({
    text: "version: 1\nname: w\ndata: { public: { allowedOn: { zone: a }, files: central, logs: central } }\ntasks: { a: { run: x } }\n",
  });
  expect(problems.map(({ code }) => code)).toEqual(["reserved_name"]);
});

test("in any graph: a task behind a classified file is refused exactly where it is not bound", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ from: fc.nat(), isBound: fc.boolean() }), { minLength: 1, maxLength: 12 }),
      (drawn) => {
        // Task t0 makes the file; each other reads the file of an earlier one, or of none.
        const tainted = [true];
        const expected: string[] = [];
        const tasks = drawn.map(({ from, isBound }, at) => {
          const source = from % (at + 2); // at + 1: reads nothing
          tainted.push(tainted[source] === true && source <= at);
          if (tainted[at + 1] === true && !isBound) expected.push(`t${at + 1}`);
          const reads = source <= at ? `, env: { R: "\${{ tasks.t${source}.outputs.f }}" }` : "";
          return `  t${at + 1}: { run: x, outputs: { f: file }${isBound ? ", runsOn: { zone: onprem }" : ""}${reads} }\n`;
        });
        const text = `tasks:\n  t0: { run: x, runsOn: { zone: onprem }, outputs: { f: { type: file, data: patient } } }\n${tasks.join("")}`;
        const found = read(text).problems.map(({ detail }) => detail.split(" ")[0] ?? "");
        expect(found.toSorted()).toEqual(expected.toSorted());
      },
    ),
  );
});

test.each([
  ["{ allowedOn: { zone: a } }", ["files: local", "logs: local"]],
  ["{ allowedOn: { zone: a }, files: local, logs: central }", ["files: local"]],
  ["{ allowedOn: { zone: a }, files: central, logs: central, inline: sealed }", ["inline: sealed"]],
])("what a class asks for and this release cannot keep is refused: %s", (given, refused) => {
  const { problems } = readWorkflow({ text: `version: 1\nname: w\ndata: { c: ${given} }\ntasks: { a: { run: x } }\n` });
  expect(problems.map(({ code }) => code)).toEqual(refused.map(() => "not_supported"));
  expect(problems.map(({ detail }) => refused.find((text) => detail.startsWith(text)))).toEqual(refused);
});

test("what data demands of agents is known of every task and hook that meets it, however far behind", () => {
  const { document, problems } = readWorkflow({
    text: `version: 1
name: w
data: { patient: { allowedOn: { zone: [onprem, lab], pool: default }, files: central, logs: central } }
tasks:
  cohort: { run: "true", runsOn: { pool: default, zone: onprem }, outputs: { rows: { type: file, data: patient } } }
  mix:
    run: "true"
    runsOn: { pool: default, zone: lab }
    env: { R: "\${{ tasks.cohort.outputs.rows }}" }
    outputs: { table: file }
  other: { run: "true" }
hooks:
  onSuccess:
    - run: "true"
      runsOn: { pool: default, zone: onprem }
      env: { T: "\${{ tasks.mix.outputs.table }}" }
`,
    file: "w.yaml",
  });
  expect(problems).toEqual([]);
  if (document === undefined) throw new Error("no document");
  const zone = ["lab", "onprem"];
  expect(Object.fromEntries(dataRulesOf(document))).toEqual({
    cohort: { zone },
    mix: { zone },
    "hooks.onSuccess.0": { zone },
  });
});
