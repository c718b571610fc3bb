import { Option, type Command } from "commander";
import type { Problem } from "@capstan/proto";
import type { Context } from "../context.ts";
import { exitCodes } from "../exit-code.ts";
import { formatProblems, problemFormats, type ProblemFormat } from "../output/problem-format.ts";
import type { Column } from "../output/table.ts";
import { problemLine } from "../project/deploy.ts";
import { atAuthor } from "../project/front-end.ts";
import { missingCode } from "../project/missing-code.ts";
import { checkPythonCalls } from "../project/python-signature.ts";
import { isRefused, noSources, problemsOf, readSources } from "../project/sources.ts";

const columns: readonly Column<Problem>[] = [
  { title: "FILE", key: "file", value: (problem) => problem.file ?? "" },
  { title: "LINE", key: "line", value: (problem) => String(problem.line ?? ""), align: "right" },
  { title: "COLUMN", key: "column", value: (problem) => String(problem.column ?? ""), align: "right" },
  { title: "CODE", key: "code", value: (problem) => problem.code },
  {
    title: "DETAIL",
    key: "detail",
    value: (problem) => (problem.hint === undefined ? problem.detail : `${problem.detail}; ${problem.hint}`),
  },
];

/** `capstan validate`: check workflow files without a control plane. Exit 3 where one has a problem. */
export function registerValidate(program: Command, context: (command: Command) => Context): void {
  program
    .command("validate")
    .summary("check workflow files, without a control plane")
    .argument("[path...]", "files or folders (./workflows)")
    .option("--strict", "warnings fail too")
    .addOption(
      new Option("--format <form>", "github marks the lines of a pull request, sarif is for code scanning").choices(
        problemFormats,
      ),
    )
    .option("--no-python", "do not ask python3 for the signatures of functions")
    .addHelpText(
      "before",
      "Examples:\n  capstan validate\n  capstan validate workflows/daily.yaml -o json\n  capstan validate --format github\n",
    )
    .action(
      async (
        paths: readonly string[],
        flags: { readonly strict?: boolean; readonly python: boolean; readonly format?: ProblemFormat },
        command: Command,
      ) => {
        const ctx = context(command);
        const sources = await readSources(paths.length > 0 ? paths : ["workflows"], ctx.cwd);
        if (sources.length === 0) throw noSources();
        const problems = sources.flatMap((source): Problem[] => {
          const found = problemsOf(source, ctx.cwd);
          if (isRefused(source)) return [...found];
          const more = [...missingCode(source, found), ...(flags.python ? checkPythonCalls(source) : [])];
          return [...found, ...more.map((problem) => atAuthor(problem, source.places, ctx.cwd))];
        });
        const isBad = problems.some((problem) => problem.severity !== "warning" || flags.strict === true);
        const format = flags.format ?? (ctx.out.isForPeople && ctx.out.isTerminal ? "text" : undefined);
        if (format !== undefined) ctx.out.data(formatProblems(problems, format));
        else ctx.out.list(problems, columns, (problem) => problemLine(problem), { ok: !isBad, problems });
        const bad = new Set(problems.filter((problem) => problem.severity !== "warning").map((problem) => problem.file))
          .size;
        ctx.out.talk(`${sources.length - bad} of ${sources.length} files are valid`);
        if (isBad) process.exitCode = exitCodes.notValid;
      },
    );
}
