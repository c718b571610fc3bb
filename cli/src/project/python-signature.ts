// `python: module:function` against the function's own signature: what `with` must and may hold.
//  Y1. The module is imported on the author's own machine, in a process of its own, with a time limit; never in ours.
//  Y2. A host without python3 checks nothing here, and nothing fails for it.
//  Y3. A task with an environment of its own may need packages that only its agent has: then its signature is not known
//      here. A module of the author's own code that is missing is still a mistake.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { type CanonicalAction, type Problem } from "@capstan/proto";
import { isMap, LineCounter, parseDocument, type Node } from "yaml";
import { z } from "zod";
import { packageFolder } from "../dev/package-path.ts";
import { didYouMean } from "../suggestion.ts";
import type { WorkflowSource } from "./sources.ts";
import { readOnce } from "./read-once.ts";

const timeoutMs = 10_000;

const describedSchema = z.object({
  inputs: z.object({
    properties: z.record(z.string(), z.unknown()),
    required: z.array(z.string()),
    additionalProperties: z.boolean(),
  }),
});
type Described = z.infer<typeof describedSchema>["inputs"];

/** What `describe` says of a function, or why it cannot. */
function describeFunction(call: string, root: string): Described | string {
  const bootstrap = join(packageFolder("@capstan/agent"), "python", "bootstrap.py");
  const done = spawnSync("python3", [bootstrap, "describe", call], {
    cwd: root,
    encoding: "utf8",
    timeout: timeoutMs,
    env: {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      LC_ALL: "C.UTF-8",
      CAPSTAN_CODE_DIR: root,
      PYTHONPATH: root,
      PYTHONDONTWRITEBYTECODE: "1",
    },
  });
  if (done.status !== 0) return done.stderr.trim().split("\n").at(-1) ?? "it could not be imported";
  try {
    return describedSchema.parse(JSON.parse(done.stdout.trim().split("\n").at(-1) ?? "")).inputs;
  } catch {
    return "its module prints while it is imported";
  }
}

const hasEnvironment = (action: CanonicalAction): boolean =>
  "python" in action && action.python.environment !== undefined && action.python.environment.kind !== "system";

/** True where the import failed for a package that is no part of the code at `root`. */
function lacksPackage(error: string, root: string): boolean {
  const [name] = /^ModuleNotFoundError: No module named '([\w.]+)'/.exec(error)?.[1]?.split(".") ?? [];
  return name !== undefined && !existsSync(join(root, name)) && !existsSync(join(root, `${name}.py`));
}

const hasPython = (): boolean => spawnSync("python3", ["--version"], { stdio: "ignore" }).status === 0;

interface Place {
  readonly line?: number;
  readonly column?: number;
}

/** Line and column of a path in the text; of its nearest part that is there where it is not. */
function placesOf(source: string): (path: readonly string[]) => Place {
  const counter = new LineCounter();
  const document = parseDocument(source, { lineCounter: counter });
  return (path) => {
    let node: unknown = document.contents;
    let offset: number | undefined;
    for (const key of path) {
      const pair = isMap(node) ? node.items.find((item) => String(item.key) === key) : undefined;
      if (pair === undefined) break;
      offset = (pair.key as Node | null)?.range?.[0] ?? offset; // keys of a parsed document are nodes
      node = pair.value;
    }
    if (offset === undefined) return {};
    const { line, col } = counter.linePos(offset);
    return { line, column: col };
  };
}

/** The problems of all `python` calls of a workflow that is otherwise right. */
export function checkPythonCalls(source: WorkflowSource): Problem[] {
  const { document } = readOnce(source.source, source.file);
  const root = source.codeRoot;
  if (document === undefined || root === undefined || !hasPython()) return [];
  const placeOf = placesOf(source.source);
  const problems: Problem[] = [];
  for (const [name, task] of Object.entries(document.tasks)) {
    const call = "python" in task.action && "call" in task.action.python ? task.action.python.call : undefined;
    if (typeof call !== "string") continue;
    const report = (code: string, detail: string, ...path: readonly string[]): void => {
      const full = ["tasks", name, ...path];
      problems.push({
        code,
        detail,
        severity: "error",
        file: source.file,
        pointer: `/${full.join("/")}`,
        ...placeOf(full),
      });
    };
    const described = describeFunction(call, root);
    if (typeof described === "string") {
      if (hasEnvironment(task.action) && lacksPackage(described, root)) continue;
      report(
        "python_describe",
        `${call} in ${relative(process.cwd(), root) || "."} cannot be described: ${described}`,
        "python",
      );
      continue;
    }
    const given = Object.keys(task.with ?? {});
    const known = Object.keys(described.properties);
    for (const key of given) {
      if (described.additionalProperties || known.includes(key)) continue;
      report("with_mismatch", `${call} has no argument ${key}.${didYouMean(key, known)}`, "with", key);
    }
    for (const key of described.required) {
      if (!given.includes(key)) report("with_mismatch", `${call} needs the argument ${key}`, "with");
    }
  }
  return problems;
}
