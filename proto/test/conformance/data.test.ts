// Data classes: the cases of the conformance table about them, under their numbers, and what they leave open.
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatProblem, readWorkflow, residencyOf, type ReadWorkflow } from "../../src/index.ts";

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

test("a sealed value, which this release cannot keep, is refused", () => {
  const { problems } = readWorkflow({
    text: "version: 1\nname: w\ndata: { c: { allowedOn: { zone: a }, inline: sealed } }\ntasks: { a: { run: x } }\n",
  });
  expect(problems.map(({ code, detail }) => [code, detail])).toEqual([
    ["not_supported", "inline: sealed is not supported yet"],
  ]);
});

/** What the tasks of a workflow with the classes `patient` (the defaults) and `open` (central) keep to their agents. */
function keptBy(
  tasks: string,
): Record<string, { files: string[]; withheld: string[]; logs: boolean; classes: string[] }> {
  const text = `version: 1
name: w
data: { patient: { allowedOn: { zone: onprem } }, open: { allowedOn: { zone: onprem }, files: central, logs: central } }
tasks:
${tasks}`;
  const { document, problems } = readWorkflow({ text, file: "w.yaml" });
  expect(problems).toEqual([]);
  if (document === undefined) throw new Error("no document");
  return Object.fromEntries(
    [...residencyOf(document)].map(([key, { localFiles, withheld, localLogs, classes }]) => [
      key,
      { files: [...localFiles], withheld: [...withheld], logs: localLogs, classes: [...classes] },
    ]),
  );
}

test("files and logs of a class stay local unless it says otherwise, also those of what is made from it", () => {
  expect(
    keptBy(`  a: { run: x, runsOn: { zone: onprem }, outputs: { rows: { type: file, data: patient }, n: integer } }
  b: { run: x, runsOn: { zone: onprem }, env: { R: "\${{ tasks.a.outputs.rows }}" }, outputs: { t: file, kpi: { type: number, data: public, declassify: { from: patient, reason: a mean } } } }
  c: { run: x, runsOn: { zone: onprem }, outputs: { f: { type: file, data: open } } }
  d: { run: x, env: { K: "\${{ tasks.b.outputs.kpi }}" }, outputs: { f: file } }
`),
  ).toEqual({
    a: { files: ["rows"], withheld: [], logs: true, classes: ["patient"] },
    b: { files: ["t"], withheld: [], logs: true, classes: ["patient"] },
    c: { files: [], withheld: [], logs: false, classes: ["open"] },
  });
});

test("what an action gives by itself carries what it reads, and is withheld where it is no file", () => {
  const onprem = "runsOn: { zone: onprem }, data: patient";
  expect(
    keptBy(`  rows: { sql: { url: "sqlite:/a.db", query: select 1 }, ${onprem} }
  file: { sql: { url: "sqlite:/a.db", query: select 1, result: file }, ${onprem} }
  told: { sql: { url: "sqlite:/a.db", query: select 1 }, ${onprem}, outputs: { rows: { type: array, data: public, declassify: { from: patient, reason: groups of ten } } } }
`),
  ).toEqual({
    rows: { files: ["rows", "rowCount"], withheld: ["rows", "rowCount"], logs: true, classes: ["patient"] },
    file: { files: ["file", "rowCount"], withheld: ["rowCount"], logs: true, classes: ["patient"] },
    told: { files: ["rowCount"], withheld: ["rowCount"], logs: true, classes: ["patient"] },
  });
});

test("52 · nothing may refer to what is withheld: not a task, not a hook, not an output of the run", () => {
  const text = `version: 1
name: w
data: { patient: { allowedOn: { zone: onprem } } }
tasks:
  q: { sql: { url: "sqlite:/a.db", query: select 1 }, data: patient, runsOn: { zone: onprem } }
  r: { run: x, runsOn: { zone: onprem }, with: { rows: "\${{ tasks.q.outputs.rows }}" } }
outputs: { rows: "\${{ tasks.q.outputs.rows }}" }
`;
  const found = readWorkflow({ text, file: "w.yaml" }).problems.map(formatProblem);
  expect(found.map((line) => line.split(" ")[1])).toEqual(["data_inline", "data_inline"]);
  expect(found[0]).toContain(
    "tasks.q.outputs.rows carries patient and stays on its agent; let q write a file, or declare rows under its outputs and declassify it",
  );
});

test("49 · a file that an action gives is bound to its zone like a declared one", () => {
  const q = `  q: { sql: { url: "sqlite:/a.db", query: select 1, result: file }, data: patient, runsOn: { zone: onprem } }\n`;
  expect(lines(`tasks:\n${q}  ship: { run: x, env: { R: "\${{ tasks.q.outputs.file }}" } }\n`).join()).toContain(
    "data_rule_violated ship is not bound to zone",
  );
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
  const rules = [...residencyOf(document)].map(([key, residency]) => [key, residency.rules]);
  expect(Object.fromEntries(rules)).toEqual({ cohort: { zone }, mix: { zone }, "hooks.onSuccess.0": { zone } });
});

test("who has to agree is named like who answers an approval, the same for all outputs of a task, and each value is asked for", () => {
  const task = (approvers: string, more = ""): readonly string[] =>
    lines(
      `tasks:\n  a: { run: x, data: patient, runsOn: { zone: onprem }${more}, outputs: { k: { type: number, data: public, declassify: { from: patient, reason: means, approvers: [${approvers}] } } } }\n`,
    );
  expect(task('"user:eva", "role:operator"')).toEqual([]);
  expect(task('"group:privacy"').join()).toContain("unknown_principal group:privacy: there are no groups yet");
  expect(task("eva").join()).toContain('bad_value "eva" names nobody');
  expect(task('"user:eva"', ", cache: {}").join()).toContain("not_applicable cache does not go with approvers");
});
