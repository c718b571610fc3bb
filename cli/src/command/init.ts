import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { AppError } from "@capstan/proto";
import type { Context } from "../context.ts";
import { isOnPath } from "../dev/first-workflow.ts";
import { writeWorkflowSchema } from "../project/editor-schema.ts";
import {
  checkWorkflowName,
  exampleNames,
  examples,
  filesThere,
  parseExample,
  parseLanguage,
  templateFiles,
  writeFiles,
  type Language,
} from "../project/template.ts";

interface InitFlags {
  readonly lang: string;
  readonly example: string;
}

const exampleText = exampleNames.map((name) => `${name} (${examples[name].what})`).join(", ");

/** `capstan init`: a folder to begin with. Never overwrites a file. */
export function registerInit(program: Command, context: (command: Command) => Context): void {
  program
    .command("init")
    .summary("write a first workflow and the schema for editors")
    .argument("[dir]", "folder of the project", ".")
    .option("--lang <language>", "yaml, ts or python", "yaml")
    .option("--example <name>", exampleText, "hello")
    .addHelpText(
      "before",
      "Examples:\n  capstan init\n  capstan init pipelines --lang ts --example csv\n  capstan init --lang python --example retrain\n",
    )
    .action((dir: string, flags: InitFlags, command: Command) => {
      const ctx = context(command);
      const language = parseLanguage(flags.lang);
      const example = parseExample("--example", flags.example);
      const root = resolve(ctx.cwd, dir);
      const files = templateFiles({ example, language, name: examples[example].name, hasPython: hasPython(ctx) });
      const there = filesThere(root, files);
      const written = there.length > 0 ? {} : files;
      writeFiles(root, written);
      writeSchema(root);
      const ignore = existsSync(join(root, ".gitignore")) ? {} : { ".gitignore": ".capstan/\n" };
      writeFiles(root, ignore);
      const all = [...Object.keys(written), ".capstan/schema/workflow-v1.json", ...Object.keys(ignore)];
      showWritten(ctx, all);
      if (there.length > 0) ctx.out.talk(`! ${there.join(", ")} is there already: no workflow was written`);
      warnOfPython(ctx, language, files);
      ctx.out.hint(`capstan dev${dir === "." ? "" : ` (in ${dir})`}`);
    });
}

/** `capstan new workflow`: one more in a project. */
export function registerNew(program: Command, context: (command: Command) => Context): void {
  program
    .command("new")
    .summary("write a new workflow into this project")
    .command("workflow")
    .summary("write the files of a new workflow; none that is there is touched")
    .argument("<name>", "small letters, digits and _")
    .option("--lang <language>", "yaml, ts or python", "yaml")
    .option("--from <template>", exampleText, "hello")
    .addHelpText(
      "before",
      "Examples:\n  capstan new workflow nightly_report\n  capstan new workflow prices --lang python --from csv\n",
    )
    .action((name: string, flags: { readonly lang: string; readonly from: string }, command: Command) => {
      const ctx = context(command);
      checkWorkflowName(name);
      const language = parseLanguage(flags.lang);
      const example = parseExample("--from", flags.from);
      const files = templateFiles({ example, language, name, hasPython: hasPython(ctx) });
      const others = ["yaml", "yml", "ts", "py"].map((ending) => `workflows/${name}.${ending}`);
      const there = filesThere(ctx.cwd, { ...files, ...Object.fromEntries(others.map((path) => [path, ""])) });
      if (there.length > 0)
        throw new AppError("usage", `${there.join(", ")} is there already: nothing was written. Choose another name`);
      writeFiles(ctx.cwd, files);
      showWritten(ctx, Object.keys(files));
      warnOfPython(ctx, language, files);
      ctx.out.hint(`capstan deploy, then capstan run ${name} --watch (capstan dev deploys on save)`);
    });
}

const hasPython = (ctx: Context): boolean => isOnPath("python3", ctx.environment.childEnv["PATH"] ?? "");

function writeSchema(root: string): void {
  try {
    writeWorkflowSchema(join(root, ".capstan"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError("file_unreadable", `${root} cannot be written: ${why}`, { cause: error });
  }
}

function showWritten(ctx: Context, written: readonly string[]): void {
  ctx.out.list(
    written.map((file) => ({ file })),
    [{ title: "WROTE", key: "file", value: (row) => row.file }],
    (row) => row.file,
  );
}

/** A Python workflow is read by `python3`, and Python tasks wait for an agent that has it. */
function warnOfPython(ctx: Context, language: Language, files: Readonly<Record<string, string>>): void {
  if (hasPython(ctx) || !Object.keys(files).some((path) => path.endsWith(".py"))) return;
  ctx.out.talk(
    language === "python"
      ? "! no python3 here: it takes one to read this workflow"
      : "! no python3 here: its Python tasks will wait for an agent that has one (no_agent_matches)",
  );
}
