// Problems of files in the forms of others: GitHub's workflow commands, and SARIF 2.1.0.
import { errorEntry, type Problem } from "@capstan/proto";
import { problemLine } from "../project/deploy.ts";

export const problemFormats = ["text", "sarif", "github"] as const;
export type ProblemFormat = (typeof problemFormats)[number];

const isWarning = (problem: Problem): boolean => problem.severity === "warning";
const wordsOf = (problem: Problem): string =>
  problem.hint === undefined ? problem.detail : `${problem.detail}; ${problem.hint}`;

/** A value of a workflow command: what would end it is written as a percent code. */
const escaped = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const escapedProperty = (text: string): string => escaped(text).replaceAll(":", "%3A").replaceAll(",", "%2C");

/** `::error file=a.yaml,line=3,col=7,title=unknown_key::…`: GitHub shows it beside the line. */
function gitHubLine(problem: Problem): string {
  const place = [
    ...(problem.file === undefined ? [] : [`file=${escapedProperty(problem.file)}`]),
    ...(problem.line === undefined ? [] : [`line=${problem.line}`]),
    ...(problem.column === undefined ? [] : [`col=${problem.column}`]),
    `title=${escapedProperty(problem.code)}`,
  ];
  return `::${isWarning(problem) ? "warning" : "error"} ${place.join(",")}::${escaped(wordsOf(problem))}`;
}

function sarif(problems: readonly Problem[]): object {
  const codes = [...new Set(problems.map(({ code }) => code))];
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "capstan",
            rules: codes.map((id) => ({ id, shortDescription: { text: errorEntry(id)?.title ?? id } })),
          },
        },
        results: problems.map((problem) => ({
          ruleId: problem.code,
          level: isWarning(problem) ? "warning" : "error",
          message: { text: wordsOf(problem) },
          locations:
            problem.file === undefined
              ? []
              : [
                  {
                    physicalLocation: {
                      artifactLocation: { uri: problem.file.split("/").map(encodeURIComponent).join("/") },
                      ...(problem.line === undefined
                        ? {}
                        : { region: { startLine: problem.line, startColumn: problem.column ?? 1 } }),
                    },
                  },
                ],
        })),
      },
    ],
  };
}

/** The problems in a form; ends with a line end where there is anything. */
export function formatProblems(problems: readonly Problem[], format: ProblemFormat): string {
  const lines = (line: (problem: Problem) => string): string =>
    problems.map((problem) => `${line(problem)}\n`).join("");
  switch (format) {
    case "text":
      return lines(problemLine);
    case "github":
      return lines(gitHubLine);
    case "sarif":
      return `${JSON.stringify(sarif(problems), null, 2)}\n`;
  }
}
