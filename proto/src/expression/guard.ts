// The static check of one expression: syntax, calls, names, types.
import { ParseError, TypeError as CelTypeError } from "@marcbachmann/cel-js";
import { callProblems, type ExpressionProblem } from "./calls.ts";
import { flattened } from "./flatten.ts";
import { guess } from "./nearest.ts";
import { plainPathOf, referencesOf, type Reference } from "./references.ts";
import { rootNames, type Scope } from "./scope.ts";
import { fileFields, type FieldShape, type Shape } from "./shape.ts";
import { parseTree, type ASTNode } from "./syntax.ts";

export interface ExpressionCheck {
  readonly problems: readonly ExpressionProblem[];
  /** CEL's name of the type, for example `string` or `list<int>`; undefined where there are problems. */
  readonly type: string | undefined;
}

/** Checks one expression in a scope: syntax, guards, names, types. */
export function checkExpression(text: string, scope: Scope): ExpressionCheck {
  if (plainPathOf(text) !== undefined) {
    const problems = nameProblems(text, scope);
    const [reference] = referencesOf(text);
    const shape = problems.length > 0 || reference === undefined ? undefined : shapeAlong(reference, scope);
    return { problems, type: problems.length > 0 ? undefined : typeName(shape) };
  }
  let tree: ASTNode;
  try {
    tree = parseTree(text);
  } catch (error) {
    return { problems: [syntaxProblem(error)], type: undefined };
  }
  const calls = callProblems(tree, scope);
  // An unknown macro (`cel.bind`) would have its variables reported as unknown names.
  const problems = calls.some((problem) => problem.code === "unknown_function")
    ? calls
    : [...calls, ...nameProblems(text, scope)];
  if (problems.length > 0) return { problems, type: undefined };
  const flat = flattened(text, scope);
  const checked = flat.environment.parse(flat.text).check();
  if (checked.valid) return { problems: [], type: checked.type };
  const problem = typeProblem(checked.error);
  return {
    problems: [{ ...problem, detail: flat.told(problem.detail), at: flat.offsetOf(problem.at) }],
    type: undefined,
  };
}

function syntaxProblem(error: unknown): ExpressionProblem {
  if (!(error instanceof ParseError)) throw error;
  const at = error.range?.start ?? 0;
  if (error.code.startsWith("max_") || /limit|exceeded/i.test(error.code)) {
    return {
      code: "expression_too_complex",
      detail: `the expression is too large: ${error.summary}`,
      hint: "let a task compute it",
      at,
    };
  }
  const hint = /[^=!<>]=[^=]/.test(error.node?.input ?? "") ? "equality is ==" : undefined;
  return {
    code: "expression_syntax",
    detail: `not an expression: ${error.summary}`,
    at,
    ...(hint === undefined ? {} : { hint }),
  };
}

function nameProblems(text: string, scope: Scope): readonly ExpressionProblem[] {
  const problems: ExpressionProblem[] = [];
  for (const reference of referencesOf(text)) {
    const problem = nameProblem(reference, scope);
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

function nameProblem(reference: Reference, scope: Scope): ExpressionProblem | undefined {
  const { root, at } = reference;
  const shape = Object.hasOwn(scope.roots, root) ? scope.roots[root] : undefined;
  if (shape === undefined) {
    // The library's own constants: type names, `optional`, `google`.
    if (
      [
        "optional",
        "google",
        "string",
        "int",
        "bool",
        "double",
        "list",
        "map",
        "bytes",
        "uint",
        "type",
        "null_type",
      ].includes(root)
    )
      return undefined;
    if (rootNames.some((name) => name === root)) {
      return { code: "not_available_here", detail: `${root} is not available ${scope.place}`, at, ...hereHint(root) };
    }
    const hint = guess(root, Object.keys(scope.roots));
    return { code: "unknown_name", detail: `${root} is not a name here`, at, ...(hint === undefined ? {} : { hint }) };
  }
  if (root === "tasks" && reference.steps.length === 0) {
    return { code: "unknown_name", detail: "a task is named literally: tasks.NAME", at };
  }
  return stepProblem(reference, shape, scope);
}

const hereHints: Readonly<Record<string, string>> = {
  item: "only a task with forEach or matrix has an item",
  index: "only a task with forEach or matrix has an index",
  prev: "only a task with forEach: { chain: … } has it",
  needs: "needs is for `if`",
  secrets: "a secret goes into with, env or a field of an action or a notifier",
};
const hereHint = (root: string): { readonly hint?: string } => {
  const hint = hereHints[root];
  return hint === undefined ? {} : { hint };
};

function stepProblem(reference: Reference, root: Shape, scope: Scope): ExpressionProblem | undefined {
  let shape: Shape = root;
  let path = reference.root;
  let optional = false;
  for (const step of reference.steps) {
    const fields = fieldsOf(shape);
    if (fields === undefined) return undefined;
    const field = Object.hasOwn(fields, step.name) ? fields[step.name] : undefined;
    if (field === undefined) {
      if (shape.kind === "object" && shape.open === true) return undefined;
      return unknownField({ path, name: step.name, at: step.at, shape, fields, scope });
    }
    path = `${path}.${step.name}`;
    optional ||= step.optional;
    if (field.optional === true && !optional) {
      return {
        code: "maybe_missing",
        detail: `${path} may be absent`,
        hint: `write ${path.replace(/\.([^.]+)$/, ".?$1")}.orValue(…)`,
        at: step.at,
      };
    }
    shape = field.shape;
  }
  return undefined;
}

interface UnknownField {
  readonly path: string;
  readonly name: string;
  readonly at: number;
  readonly shape: Shape;
  readonly fields: Readonly<Record<string, FieldShape>>;
  readonly scope: Scope;
}

function unknownField({ path, name, at, shape, fields, scope }: UnknownField): ExpressionProblem {
  if (path === "run" && (name === "state" || name === "failure")) {
    return {
      code: "not_available_here",
      detail: `run.${name} is not available ${scope.place}`,
      hint: "it is for hooks",
      at,
    };
  }
  const noun = shape.kind === "object" ? shape.noun : undefined;
  const hint =
    guess(name, Object.keys(fields)) ??
    (name === "outputs" && Object.hasOwn(fields, "results")
      ? "a mapped task has results, one of each index"
      : undefined) ??
    (name === "status" && Object.hasOwn(fields, "state") ? "did you mean state?" : undefined) ??
    (noun === "an output" ? `declare it under outputs of the task` : undefined);
  return {
    code: "unknown_name",
    detail: noun === undefined ? `${path} has no field ${name}` : `${path}.${name} is not ${noun}`,
    at,
    ...(hint === undefined ? {} : { hint }),
  };
}

function fieldsOf(shape: Shape): Readonly<Record<string, FieldShape>> | undefined {
  if (shape.kind === "object") return shape.fields;
  return shape.kind === "file" ? fileFields : undefined;
}

function shapeAlong(reference: Reference, scope: Scope): Shape | undefined {
  let shape: Shape | undefined = scope.roots[reference.root];
  for (const step of reference.steps) {
    if (shape === undefined) return undefined;
    if (shape.kind === "map") shape = shape.value;
    else shape = fieldsOf(shape)?.[step.name]?.shape ?? { kind: "dyn" };
  }
  return shape;
}

function typeName(shape: Shape | undefined): string {
  switch (shape?.kind) {
    case undefined:
      return "dyn";
    case "timestamp":
      return "google.protobuf.Timestamp";
    case "duration":
      return "google.protobuf.Duration";
    case "file":
      return "File";
    case "secret":
      return "Secret";
    case "list":
      return `list<${typeName(shape.item)}>`;
    case "map":
    case "object":
      return "map";
    case "string":
    case "int":
    case "double":
    case "bool":
    case "dyn":
      return shape.kind;
  }
}

function typeProblem(error: unknown): ExpressionProblem {
  if (!(error instanceof CelTypeError) && !(error instanceof ParseError)) {
    return { code: "type_mismatch", detail: error instanceof Error ? error.message : String(error), at: 0 };
  }
  const at = error.range?.start ?? 0;
  const detail = error.summary.replaceAll(/\bobject\d+\b/g, "object").replaceAll("google.protobuf.", "");
  const hint = typeHint(detail);
  return {
    code: error.code === "no_such_key" ? "unknown_name" : "type_mismatch",
    detail,
    at,
    ...(hint === undefined ? {} : { hint }),
  };
}

function typeHint(detail: string): string | undefined {
  if (detail.includes("double in list<int>")) return "write the list with decimals: [1.0, 2.0]";
  if (detail.includes("int in list<double>")) return "write double(x) in the list";
  if (detail.includes("null")) return "only a nullable value can be compared with null";
  if (detail.startsWith("Ternary branches")) return "both branches of ?: need one type";
  if (/no such overload: (?:string \+ |\w+ \+ string)/.test(detail)) return "string(x) makes a text of a number";
  if (/\b(?:File|Secret)\b/.test(detail)) return "a file or a secret is passed on whole";
  return undefined;
}
