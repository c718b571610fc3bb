import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isRefused, problemsOf, readSources } from "./sources.ts";
import {
  checkWorkflowName,
  exampleNames,
  filesThere,
  languages,
  parseExample,
  parseLanguage,
  templateFiles,
  writeFiles,
} from "./template.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "capstan-template-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const hasPython = spawnSync("python3", ["--version"]).status === 0;
const all = exampleNames.flatMap((example) => languages.map((language) => [example, language] as const));

test.each(all.filter(([, language]) => hasPython || language !== "python"))(
  "%s in %s is a valid workflow under a name of one's own",
  async (example, language) => {
    const files = templateFiles({ example, language, name: "my_own", hasPython: true });
    expect(Object.values(files).join()).not.toContain("workflow_name");
    writeFiles(folder, files);
    const [source, ...more] = await readSources([join(folder, "workflows")], folder);
    expect(more).toEqual([]);
    expect(source === undefined ? ["no source"] : [...problemsOf(source, folder)]).toEqual([]);
    expect(source === undefined || isRefused(source) ? "" : source.source).toContain("my_own");
  },
);

test("a file that is there is found before anything is written, and never written over", () => {
  const files = templateFiles({ example: "csv", language: "yaml", name: "a", hasPython: true });
  writeFiles(folder, { "jobs/a.py": "mine\n" });
  expect(filesThere(folder, files)).toEqual(["jobs/a.py"]);
  expect(() => writeFiles(folder, { "jobs/a.py": "" })).toThrow(expect.objectContaining({ code: "file_unreadable" }));
});

test.each([
  ["Daily Report", "Did you mean daily_report?"],
  ["9lives", "Did you mean lives?"],
  ["a-b", "Did you mean a_b?"],
  ["../etc/passwd", "Did you mean etc_passwd?"],
  ["", "is no name of a workflow"],
  ["x".repeat(64), "at most 63"],
])("%j is refused as a name, with one that would do", (name, hint) => {
  expect(() => checkWorkflowName(name)).toThrow(hint);
});

test("languages go by their short names, and a wrong word gets the nearest", () => {
  expect([parseLanguage("ts"), parseLanguage("py"), parseLanguage("yaml")]).toEqual(["typescript", "python", "yaml"]);
  expect(() => parseLanguage("pyton")).toThrow("Did you mean python?");
  expect(() => parseExample("--from", "cvs")).toThrow("Did you mean csv?");
});
