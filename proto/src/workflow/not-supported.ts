// What the language knows and this release does not run: refused at its place, so that nothing is silently ignored.
import type { ProblemList } from "./problems.ts";
import type { WorkflowSource } from "./schema.ts";

/** Paths of keys; `*` stands for any name or index. */
const paths = [
  "triggers",
  "vars",
  "data",
  "calendars",
  "environment",
  "permissions",
  "overridable",
  "protected",
  "concurrency",
  "fairnessKey",
  "sla",
  "assets",
  "inputs.*.data",
  "inputs.*.sealed",
  "outputs.*.sealed",
  "defaults.isolation",
  "defaults.data",
  "defaults.python",
  "defaults.runsOn.expr",
  "defaults.runsOn.prefer",
  "defaults.resources.cpu",
  "defaults.resources.memory",
  "defaults.resources.gpu",
  "defaults.resources.disk",
  "tasks.*.isolation",
  "tasks.*.network",
  "tasks.*.poll",
  "tasks.*.cache",
  "tasks.*.data",
  "tasks.*.reads",
  "tasks.*.writes",
  "tasks.*.timeoutTotal",
  "tasks.*.queueTimeout",
  "tasks.*.limits",
  "tasks.*.concurrency",
  "tasks.*.forEach",
  "tasks.*.matrix",
  "tasks.*.maxParallel",
  "tasks.*.failFast",
  "tasks.*.minSuccess",
  "tasks.*.hooks",
  "tasks.*.sla",
  "tasks.*.sql",
  "tasks.*.container",
  "tasks.*.spark",
  "tasks.*.ecs",
  "tasks.*.azureBatch",
  "tasks.*.celery",
  "tasks.*.uses",
  "tasks.*.workflow",
  "tasks.*.approval",
  "tasks.*.wait",
  "tasks.*.notify.pagerduty",
  "tasks.*.notify.opsgenie",
  "tasks.*.runsOn.expr",
  "tasks.*.runsOn.prefer",
  "tasks.*.resources.cpu",
  "tasks.*.resources.memory",
  "tasks.*.resources.gpu",
  "tasks.*.resources.disk",
  "tasks.*.outputs.*.data",
  "tasks.*.outputs.*.sealed",
  "tasks.*.outputs.*.declassify",
  "hooks.onLate",
  "hooks.onRecovery",
  "hooks.*.*.pagerduty",
  "hooks.*.*.opsgenie",
  "hooks.*.*.sql",
  "hooks.*.*.container",
  "hooks.*.*.uses",
  "hooks.*.*.runsOn.expr",
  "hooks.*.*.runsOn.prefer",
  "hooks.*.*.notify.pagerduty",
  "hooks.*.*.notify.opsgenie",
] as const;

/** The same for the environment of a Python action, wherever one stands. */
const environmentFields = ["requirements", "version", "index", "wheels"] as const;

const patterns = paths.map((path) => path.split("."));

export function reportUnsupported(source: WorkflowSource, problems: ProblemList): void {
  for (const pattern of patterns) visit(source, pattern, [], problems);
  for (const python of pythonActions(source)) reportEnvironment(python.value, python.path, problems);
  if (Array.isArray(source.secrets)) {
    problems.add({
      code: "not_supported",
      detail: "secrets as a list of names is not supported yet",
      hint: "write each with its reference: NAME: env:CAPSTAN_SECRET_NAME",
      path: ["secrets"],
      atKey: true,
    });
  }
  const adopting = [["defaults"], ...Object.keys(source.tasks).map((id) => ["tasks", id])];
  for (const path of adopting) {
    const [first = "", id] = path;
    const holder = first === "defaults" ? source.defaults : source.tasks[id ?? ""];
    if (holder?.onLost === "adopt") {
      problems.add({
        code: "not_supported",
        detail: "onLost: adopt is not supported yet",
        hint: "it is for work that leaves the host",
        path: [...path, "onLost"],
      });
    }
  }
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

function* pythonActions(source: WorkflowSource): Generator<Found> {
  for (const [id, task] of Object.entries(source.tasks)) yield { value: task.python, path: ["tasks", id, "python"] };
  for (const [name, entries] of Object.entries(source.hooks ?? {})) {
    for (const [index, entry] of (entries ?? []).entries())
      yield { value: entry.python, path: ["hooks", name, index, "python"] };
  }
}

function reportEnvironment(python: unknown, path: readonly (string | number)[], problems: ProblemList): void {
  if (typeof python !== "object" || python === null || !("environment" in python)) return;
  const environment = python.environment;
  if (typeof environment !== "object" || environment === null) return;
  if ("kind" in environment && environment.kind !== "system" && environment.kind !== undefined) {
    problems.add({
      code: "not_supported",
      detail: `the Python environment ${JSON.stringify(environment.kind)} is not supported yet`,
      hint: "use kind: system",
      path: [...path, "environment", "kind"],
    });
  }
  for (const field of environmentFields) {
    if (Object.hasOwn(environment, field)) {
      problems.add({
        code: "not_supported",
        detail: `environment.${field} is not supported yet`,
        path: [...path, "environment", field],
        atKey: true,
      });
    }
  }
}
