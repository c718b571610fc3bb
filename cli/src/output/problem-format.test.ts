import { expect, test } from "vitest";
import { formatProblems } from "./problem-format.ts";

const problems = [
  {
    code: "unknown_key",
    detail: "runn is not known\n::error::fake",
    file: "workflows/a,b.yaml",
    line: 3,
    column: 7,
    hint: "run",
  },
  { code: "unused", detail: "50% of it", file: "ä b.yaml", severity: "warning" as const },
];

test("GitHub gets one command a problem, and nothing in a file can make another", () => {
  expect(formatProblems(problems, "github").split("\n")).toEqual([
    "::error file=workflows/a%2Cb.yaml,line=3,col=7,title=unknown_key::runn is not known%0A::error::fake; run",
    "::warning file=ä b.yaml,title=unused::50%25 of it",
    "",
  ]);
});

test("SARIF names rule, level and place of each", () => {
  expect(JSON.parse(formatProblems(problems, "sarif"))).toMatchObject({
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "capstan", rules: [{ id: "unknown_key" }, { id: "unused" }] } },
        results: [
          {
            ruleId: "unknown_key",
            level: "error",
            locations: [{ physicalLocation: { region: { startLine: 3, startColumn: 7 } } }],
          },
          { level: "warning", locations: [{ physicalLocation: { artifactLocation: { uri: "%C3%A4%20b.yaml" } } }] },
        ],
      },
    ],
  });
  expect(formatProblems([], "github")).toBe("");
});
