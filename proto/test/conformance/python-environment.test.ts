// Environments of Python actions and notifiers of people on call: what is told without an agent.
import { expect, test } from "vitest";
import { checkCode, labelText, labelsWantedBy, readWorkflow } from "../../src/index.ts";

const read = (tasks: string, more = "") =>
  readWorkflow({
    text: `version: 1\nname: w\nsecrets: { K: "env:CAPSTAN_SECRET_K" }\n${more}tasks: ${tasks}`,
    file: "w.yaml",
  });
const codes = (tasks: string, more = ""): string[] => read(tasks, more).problems.map(({ code }) => code);
const task = (environment: string): string => `{ a: { python: { inline: x, environment: ${environment} } } }`;

test.each([
  ["{ kind: venv, requirements: requirements.txt, wheels: wheels }"],
  ["{ kind: uv, requirements: uv.lock, index: https://pypi.example.org/simple }"],
  ["{ kind: venv, requirements: sub/requirements.txt, wheels: /opt/wheels }"],
  ['{ version: "3.12" }'],
])("%s is valid", (environment) => {
  expect(codes(task(environment))).toEqual([]);
});

test.each([
  ["{ requirements: requirements.txt }", "bad_value"],
  ["{ kind: system, wheels: wheels }", "bad_value"],
  ["{ kind: venv, requirements: ../requirements.txt }", "bad_value"],
  ["{ kind: venv, requirements: /etc/requirements.txt }", "bad_value"],
  ["{ kind: venv, requirements: --index-url=x }", "bad_value"],
  ["{ kind: venv, requirements: uv.lock }", "bad_value"],
  ["{ kind: venv, index: 'https://me:secret@pypi.example.org' }", "bad_value"],
  ["{ kind: venv, index: 'ftp://pypi.example.org' }", "bad_value"],
  ['{ version: ">=3.12" }', "bad_value"],
  ['{ version: "2.7" }', "bad_value"],
  ["{ version: 3.12 }", "wrong_type"],
])("%s is told as %s", (environment, code) => {
  expect(codes(task(environment))).toEqual([code]);
});

test("a version asks for an agent with that one or a later one, unless the author names the label", () => {
  const { document } = read(
    '{ a: { python: { inline: x, environment: { version: "3.12" } } }, b: { python: { inline: x } } }',
  );
  const { a, b } = document?.tasks ?? {};
  const labels = a === undefined ? {} : labelsWantedBy(a);
  expect(labelText("python", labels["python"] as readonly string[])).toBe("python>=3.12"); // a list, as just asked for
  expect(labelText("zone", ["a", "b"])).toBe("zone=a|b");
  expect(labels["python"]).toContain("3.12");
  expect(labels["python"]).toContain("3.13");
  expect(labels["python"]).not.toContain("3.11");
  expect(b === undefined ? undefined : labelsWantedBy(b)).toEqual({});
  const written = read('{ a: { runsOn: { python: "3.14" }, python: { inline: x, environment: { version: "3.12" } } } }')
    .document?.tasks["a"];
  expect(written === undefined ? undefined : labelsWantedBy(written)).toEqual({ python: "3.14" });
});

test("defaults give every Python task its environment, and the task wins", () => {
  const defaults = "defaults: { python: { environment: { kind: venv, requirements: requirements.txt } } }\n";
  const { document, problems } = read(
    "{ a: { python: 'm:f' }, b: { python: { inline: x, environment: { kind: uv } } }, c: { run: x } }",
    defaults,
  );
  expect(problems).toEqual([]);
  expect(document?.tasks["a"]?.action).toEqual({
    python: { call: "m:f", environment: { kind: "venv", requirements: "requirements.txt" } },
  });
  expect(document?.tasks["b"]?.action).toEqual({
    python: { inline: "x", environment: { kind: "uv", requirements: "requirements.txt" } },
  });
  expect(document?.tasks["c"]?.action).toEqual({ run: { script: "x" } });
  expect(
    codes("{ c: { run: x } }", "defaults: { python: { environment: { kind: venv, requirements: ../x } } }\n"),
  ).toEqual(["bad_value"]);
});

test("the requirements must be in the code", () => {
  const text = `version: 1\nname: w\ntasks: ${task("{ kind: venv, requirements: requirements.txt }")}`;
  expect(checkCode({ text, file: "w.yaml" }, new Set(["a.py"]))).toMatchObject([{ code: "code_missing", line: 3 }]);
  expect(checkCode({ text, file: "w.yaml" }, new Set(["requirements.txt"]))).toEqual([]);
});

test("PagerDuty and Opsgenie take their keys from secrets, as tasks and in hooks", () => {
  const pager = '{ routingKey: "${{ secrets.K }}", severity: warning }';
  const genie = '{ apiKey: "${{ secrets.K }}", message: "${{ run.workflow }}" }';
  expect(codes(`{ a: { notify: { pagerduty: ${pager} } }, b: { notify: { opsgenie: ${genie} } } }`)).toEqual([]);
  expect(
    codes("{ a: { run: x } }", `hooks: { onFailure: [{ pagerduty: ${pager} }, { opsgenie: ${genie} }] }\n`),
  ).toEqual([]);
  expect(codes('{ a: { notify: { pagerduty: { routingKey: k, summary: "${{ secrets.K }}" } } } }')).toEqual([
    "secret_misplaced",
  ]);
});
