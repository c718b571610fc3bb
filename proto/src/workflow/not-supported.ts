// What the language knows and this release does not run: refused at its place, so that nothing is silently ignored.
import type { ProblemList } from "./problems.ts";
import type { WorkflowSource } from "./schema.ts";

/** Paths of keys; `*` stands for any name or index. */
export const unsupportedKeys = [
  "triggers.*.event.debounce",
  "triggers.*.asset",
  "calendars.*.file",
  "environment",
  "permissions",
  "protected",
  "sla.calendar",
  "assets",
  "outputs.*.sealed",
  "defaults.isolation",
  "tasks.*.isolation",
  "tasks.*.network",
  "tasks.*.reads",
  "tasks.*.writes",
  "tasks.*.container",
  "tasks.*.spark",
  "tasks.*.ecs",
  "tasks.*.azureBatch",
  "tasks.*.celery",
  "tasks.*.uses",
  "hooks.*.*.container",
  "hooks.*.*.uses",
] as const;

/** Keys of a declared value, at any depth. */
const ofDeclarations = ["sealed"] as const;

/** Values of keys that are otherwise run; `*` as above. */
export const unsupportedValues: readonly { readonly path: string; readonly value: unknown; readonly hint: string }[] = [
  {
    path: "hooks.*.*.retry.onExhausted",
    value: "pause",
    hint: "leave it out: a hook that fails changes no outcome, so it waits for nobody",
  },
  ...["defaults", "tasks.*"].map((at) => ({
    path: `${at}.onLost`,
    value: "adopt",
    hint: "it is for work that leaves the host",
  })),
  ...["tasks.*", "hooks.*.*"].flatMap((at) => [
    { path: `${at}.run.shell`, value: "cmd", hint: "use bash, sh or pwsh" },
  ]),
];

/** What the hooks of a run cannot do, those of a task cannot do either. */
const withTaskHooks = (path: string): readonly string[] =>
  path.startsWith("hooks.*.*.") ? [path, `tasks.*.${path}`] : [path];

const patterns = unsupportedKeys.flatMap(withTaskHooks).map((path) => path.split("."));

export function reportUnsupported(source: WorkflowSource, problems: ProblemList): void {
  for (const pattern of patterns) visit(source, pattern, [], problems);
  if (Array.isArray(source.secrets)) {
    problems.add({
      code: "not_supported",
      detail: "secrets as a list of names is not supported yet",
      hint: "write each with its reference: NAME: env:CAPSTAN_SECRET_NAME",
      path: ["secrets"],
      atKey: true,
    });
  }
  for (const { path, value, hint } of unsupportedValues) {
    for (const found of withTaskHooks(path).flatMap((one) => [...at(source, one.split("."), [])])) {
      if (found.value !== value) continue;
      const [last = ""] = found.path.slice(-1);
      problems.add({
        code: "not_supported",
        detail: `${last}: ${String(value)} is not supported yet`,
        hint,
        path: found.path,
      });
    }
  }
  for (const [name, declaration] of Object.entries(source.inputs ?? {}))
    reportDeclaration(declaration, ["inputs", name], problems);
  for (const [id, task] of Object.entries(source.tasks)) {
    for (const [name, declaration] of Object.entries(task.outputs ?? {}))
      reportDeclaration(declaration, ["tasks", id, "outputs", name], problems);
  }
  for (const path of ["tasks.*.sql.url", "hooks.*.*.sql.url"])
    for (const found of at(source, path.split("."), [])) reportDatabase(found, problems);
  reportClasses(source, problems);
}

/** What a class asks for and this release cannot keep is refused, so that nobody believes it kept. */
function reportClasses(source: WorkflowSource, problems: ProblemList): void {
  for (const [name, given] of Object.entries(source.data ?? {})) {
    if (given.inline !== "sealed") continue;
    problems.add({
      code: "not_supported",
      detail: "inline: sealed is not supported yet",
      hint: "leave it out: values of the class are files then",
      path: ["data", name, "inline"],
    });
  }
}

const laterDatabases = /^(mysql|mssql):/i;

/** Kinds of databases by the scheme of their address, where it is a literal. One in a secret is refused by the agent. */
function reportDatabase({ value, path }: Found, problems: ProblemList): void {
  const scheme = typeof value === "string" ? laterDatabases.exec(value)?.[1] : undefined;
  if (scheme === undefined) return;
  problems.add({
    code: "not_supported",
    detail: `${scheme.toLowerCase()}: databases are not supported yet`,
    hint: "use a postgres: or sqlite: database, or python with a driver of its own",
    path,
  });
}

function reportDeclaration(declaration: unknown, path: readonly string[], problems: ProblemList): void {
  if (typeof declaration !== "object" || declaration === null) return;
  for (const key of ofDeclarations) visit(declaration, [key], path, problems);
  const within = declaration as Readonly<Record<string, unknown>>; // a map, by the schema
  for (const key of ["items", "additionalProperties"]) reportDeclaration(within[key], [...path, key], problems);
  const { properties } = within;
  if (typeof properties !== "object" || properties === null) return;
  for (const [name, property] of Object.entries(properties))
    reportDeclaration(property, [...path, "properties", name], problems);
}

/** The values at a path, with their places. */
function* at(value: unknown, [name, ...rest]: readonly string[], path: readonly string[]): Generator<Found> {
  if (name === undefined) {
    yield { value, path };
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const keys = name === "*" ? Object.keys(value) : Object.hasOwn(value, name) ? [name] : [];
  for (const key of keys) yield* at((value as Readonly<Record<string, unknown>>)[key], rest, [...path, key]); // it has the key
}

function visit(
  value: unknown,
  [name, ...rest]: readonly string[],
  path: readonly string[],
  problems: ProblemList,
): void {
  if (name === undefined) {
    if (isEmpty(value)) return;
    problems.add({ code: "not_supported", detail: `${path.join(".")} is not supported yet`, path, atKey: true });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const keys = name === "*" ? Object.keys(value) : Object.hasOwn(value, name) ? [name] : [];
  for (const key of keys) visit((value as Readonly<Record<string, unknown>>)[key], rest, [...path, key], problems); // it has the key
}

/** An empty list or map asks for nothing. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);

interface Found {
  readonly value: unknown;
  readonly path: readonly (string | number)[];
}
