// Workflows to begin with: each example in each language, as files that work as they are.
//  T1. A file that is there is never written over, and then nothing of the template is written: half of it would not work.
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "@capstan/proto";
import { helloWorkflow } from "../dev/first-workflow.ts";
import { didYouMean } from "../suggestion.ts";

export const languages = ["yaml", "typescript", "python"] as const;
export type Language = (typeof languages)[number];

export const examples = {
  hello: { name: "hello", what: "two tasks, and a value between them" },
  csv: { name: "daily_csv", what: "download a CSV file, load it into SQLite" },
  retrain: { name: "retrain", what: "train a grid of models, release the best above a threshold" },
  hybrid: { name: "hybrid", what: "read beside the data, report elsewhere" },
} as const;
export type Example = keyof typeof examples;
export const exampleNames: readonly Example[] = Object.keys(examples).filter(
  (name): name is Example => name in examples,
);

/** `ts` and `py` are what people type. @throws usage */
export function parseLanguage(text: string): Language {
  const short: Readonly<Record<string, Language>> = { ts: "typescript", py: "python", yml: "yaml" };
  const found =
    languages.find((language) => language === text) ?? (Object.hasOwn(short, text) ? short[text] : undefined);
  if (found !== undefined) return found;
  throw new AppError(
    "usage",
    `--lang ${text} is none of yaml, ts, python.${didYouMean(text, [...languages, "ts", "py"])}`,
  );
}

/** @throws usage */
export function parseExample(flag: string, text: string): Example {
  const found = exampleNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new AppError(
    "usage",
    `${flag} ${text} is none of ${exampleNames.join(", ")}.${didYouMean(text, exampleNames)}`,
  );
}

/** The name of a workflow. @throws usage with one that would do */
export function checkWorkflowName(name: string): void {
  if (/^[a-z][a-z0-9_]{0,62}$/.test(name)) return;
  const near = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^[^a-z]+|_+$/g, "")
    .slice(0, 63);
  throw new AppError(
    "usage",
    `${JSON.stringify(name)} is no name of a workflow: a small letter, then small letters, digits and _, at most 63.${near === "" ? "" : ` Did you mean ${near}?`}`,
  );
}

/** What a template's files call the workflow. */
const placeholder = "workflow_name";
const root = new URL("../../template/", import.meta.url);

/** The files of a template by their path in the project. */
export function templateFiles(options: {
  readonly example: Example;
  readonly language: Language;
  readonly name: string;
  /** False where no Python is to be had: `hello` in YAML then does without. */
  readonly hasPython: boolean;
}): Readonly<Record<string, string>> {
  const { example, language, name, hasPython } = options;
  if (example === "hello" && language === "yaml") return { [`workflows/${name}.yaml`]: helloWorkflow(hasPython, name) };
  const folder = new URL(`${example}/${language}/`, root);
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  return Object.fromEntries(
    paths
      .filter((path) => statSync(new URL(path, folder)).isFile())
      .map((path) => [
        path.replaceAll(placeholder, name),
        readFileSync(new URL(path, folder), "utf8").replaceAll(placeholder, name),
      ]),
  );
}

/** Those of the files that are there already. */
export const filesThere = (folder: string, files: Readonly<Record<string, string>>): string[] =>
  Object.keys(files).filter((path) => statSync(join(folder, path), { throwIfNoEntry: false }) !== undefined);

/** Writes files that are not there yet. @throws file_unreadable */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const place = join(folder, path);
    try {
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, text, { flag: "wx" });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new AppError("file_unreadable", `${place} cannot be written: ${why}`, { cause: error });
    }
  }
}
