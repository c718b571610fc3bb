// The program that builds a workflow: imports its module in a process of its own and writes what it is, or what is wrong.
// Usage: node --enable-source-maps evaluate.js <module> <file to write>. stdout belongs to the author's code.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { BuildError } from "./errors.ts";
import { placesOfStack, type Place } from "./place.ts";
import { isWorkflow, type Workflow } from "./workflow.ts";

const [module = "", target = ""] = process.argv.slice(2);

interface Wrong {
  readonly code: string;
  readonly message: string;
  /** From the innermost frame on. */
  readonly places: readonly Place[];
}

function wrongOf(error: unknown): Wrong {
  if (!(error instanceof Error)) return { code: "build_failed", message: `it threw ${String(error)}`, places: [] };
  // Another copy of this package has another class of this name.
  const code = error.name === "BuildError" && "code" in error ? String(error.code) : "build_failed";
  const message = error.name === "BuildError" ? error.message : `${error.name}: ${error.message}`;
  return { code, message, places: placesOfStack(error.stack ?? "") };
}

/** The default export, or the only export that is a workflow. */
function workflowOf(exports: Readonly<Record<string, unknown>>): Workflow {
  const found = new Set(Object.values(exports).filter(isWorkflow));
  const { default: chosen } = exports;
  if (isWorkflow(chosen)) return chosen;
  const [only] = found;
  if (only !== undefined && found.size === 1) return only;
  throw new BuildError(
    "build_failed",
    found.size === 0
      ? "the file exports no workflow; write export default workflow(…)"
      : "the file exports several workflows; each needs a file of its own",
  );
}

async function main(): Promise<unknown> {
  const exports = (await import(pathToFileURL(module).href)) as Readonly<Record<string, unknown>>; // a module's namespace
  return workflowOf(exports).build();
}

const end = (outcome: unknown): never => {
  writeFileSync(target, JSON.stringify(outcome));
  process.exit(0);
};
process.on("uncaughtException", (error) => end({ wrong: wrongOf(error) }));
process.on("unhandledRejection", (error) => end({ wrong: wrongOf(error) }));
main().then(
  (built) => end({ built }),
  (error: unknown) => end({ wrong: wrongOf(error) }),
);
