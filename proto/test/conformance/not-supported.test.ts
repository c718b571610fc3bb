// What the language knows and this release does not run, key by key. A key that is added to the list and not here fails, so
// that each is seen to be refused at its place; a key that begins to be run leaves both.
import { stringify } from "yaml";
import { expect, test } from "vitest";
import { readWorkflow } from "../../src/index.ts";
import { unsupportedKeys, unsupportedValues } from "../../src/workflow/not-supported.ts";

const spark = { image: "i", main: "m" };

/** A right value for each key. */
const values: Readonly<Record<(typeof unsupportedKeys)[number], unknown>> = {
  "triggers.*.event.debounce": "10s",
  "triggers.*.asset": { any: ["s3://lake/orders"] },
  "calendars.*.file": "holidays.txt",
  environment: "production",
  permissions: { idToken: ["sts"] },
  protected: true,
  "sla.calendar": "bank",
  assets: [{ uri: "s3://lake/orders" }],
  "outputs.*.sealed": true,
  "defaults.isolation": "L1",
  "tasks.*.isolation": "L2",
  "tasks.*.network": "none",
  "tasks.*.reads": ["s3://lake/orders"],
  "tasks.*.writes": ["s3://lake/orders"],
  "tasks.*.container": { image: "i" },
  "tasks.*.spark": spark,
  "tasks.*.ecs": { cluster: "c", taskDefinition: "t" },
  "tasks.*.azureBatch": { account: "a", batchPool: "b", commandLine: "c" },
  "tasks.*.celery": { broker: "amqp://x", task: "t" },
  "tasks.*.uses": "aws/s3-upload@1",
  "hooks.*.*.container": { image: "i" },
  "hooks.*.*.uses": "aws/s3-upload@1",
};

const rows: [string, unknown][] = [
  ...Object.entries(values),
  ...unsupportedValues.map(({ path, value }): [string, unknown] => [path, value]),
  // At any depth of a declared value.
  ["inputs.*.sealed", true],
  ["inputs.*.items.sealed", true],
  ["tasks.*.outputs.*.sealed", true],
  ["tasks.*.outputs.*.properties.id.sealed", true],
  ["tasks.*.sql.url", "mysql://db/shop"],
  ["hooks.*.*.sql.url", "mssql://db/shop"],
  ["secrets", ["PASSWORD"]],
  ["secrets.PASSWORD", "k8s:main/db#password"],
];

const names: Readonly<Record<string, readonly string[]>> = {
  tasks: ["a"],
  inputs: ["x"],
  outputs: ["y"],
  hooks: ["onEnd", "0"],
  triggers: ["0"],
};

/** The places of a path, with names for its stars. */
function placesOf(path: string): string[] {
  const stars: string[] = [];
  return path.split(".").map((part) => {
    if (part !== "*") {
      stars.splice(0, stars.length, ...(names[part] ?? stars));
      return part;
    }
    return stars.shift() ?? "z";
  });
}

type Tree = Record<string, unknown>;

function documentWith(path: string, value: unknown): string {
  const places = placesOf(path);
  const tree: Tree = { version: 1, name: "w", tasks: { a: {} } };
  let holder = tree;
  for (const [i, place] of places.slice(0, -1).entries()) {
    holder[place] ??= places[i + 1] === "0" ? [{}] : {};
    holder = holder[place] as Tree; // just made, or the list whose first entry is next
  }
  holder[places.at(-1) ?? ""] = value;
  complete(tree);
  return stringify(tree);
}

const actions = [
  "run",
  "python",
  "node",
  "sql",
  "container",
  "spark",
  "ecs",
  "azureBatch",
  "celery",
  "uses",
  "workflow",
  "approval",
  "wait",
  "notify",
];
const notifiers = ["pagerduty", "opsgenie", "email"];

/** Gives what is beside the key what it needs to be right. */
function complete(tree: Tree): void {
  const task = (tree["tasks"] as { a: Tree }).a; // made above
  if (!actions.some((name) => name in task)) task["run"] = "true";
  for (const hook of Object.values((tree["hooks"] ?? {}) as Record<string, Tree[]>).flat()) {
    // as built above
    if (![...actions, ...notifiers].some((name) => name in hook)) hook["run"] = "true";
    addCode(hook);
  }
  addCode(task);
  for (const [name, one] of Object.entries((tree["inputs"] ?? {}) as Record<string, Tree | string>))
    // as built above
    (tree["inputs"] as Tree)[name] = declared(one);
  for (const [name, one] of Object.entries((task["outputs"] ?? {}) as Record<string, Tree>))
    // as built above
    (task["outputs"] as Tree)[name] = declared(one);
  for (const one of Object.values((tree["outputs"] ?? {}) as Record<string, Tree>)) one["value"] = 1; // as built above
  const event = (tree["triggers"] as Record<string, Tree>[] | undefined)?.[0]?.["event"]; // as built above
  if (event !== undefined) event["type"] = "order.paid";
  if (tree["priority"] !== undefined) tree["inputs"] = { x: "integer" };
}

function addCode(holder: Tree): void {
  const { run, python, node, sql } = holder as Record<string, Tree | string | undefined>; // as built above
  if (typeof run === "object") run["script"] = "echo";
  if (typeof python === "object") python["inline"] = "print(1)";
  if (typeof node === "object") node["inline"] = "export default 1";
  if (typeof sql === "object") sql["query"] = "select 1";
}

function declared(one: Tree | string): Tree | string {
  if (typeof one === "string") return one;
  const nested = Object.fromEntries(
    Object.entries(one).map(([key, value]) => {
      if (key === "items" || key === "additionalProperties") return [key, declared(value as Tree)];
      if (key !== "properties") return [key, value];
      return [
        key,
        Object.fromEntries(Object.entries(value as Tree).map(([name, part]) => [name, declared(part as Tree)])),
      ];
    }),
  );
  const type = "items" in one ? "array" : "properties" in one || "additionalProperties" in one ? "object" : "string";
  return { type, ...nested };
}

test("every key that is known and not run has a row here", () => {
  expect(Object.keys(values).toSorted()).toEqual([...unsupportedKeys].toSorted());
});

test.each(rows)("%s is refused at its place as not supported yet", (path, value) => {
  const { problems, document } = readWorkflow({ text: documentWith(path, value), file: "w.yaml" });
  const refused = problems.filter((problem) => problem.code === "not_supported");
  expect(problems.filter((problem) => problem.code !== "not_supported" && !followers.has(problem.code))).toEqual([]);
  expect(refused.map((problem) => problem.pointer)).toContain(`/${placesOf(path).join("/")}`);
  for (const problem of refused) {
    expect(problem.detail).toContain("not supported yet");
    expect(problem.line).toBeGreaterThan(0);
  }
  expect(document).toBeUndefined();
});

/** What the checker may add where the key is missing from the meaning of the rest. */
const followers = new Set(["not_applicable", "unknown_name", "type_mismatch", "condition_constant"]);

test("the same document without such a key is taken", () => {
  for (const path of ["tasks.*.title", "tasks.*.logs.onFull", "tasks.*.retry.onExhausted", "hooks.*.*.timeout"]) {
    const value = { onFull: "drop", onExhausted: "fail", timeout: "5s" }[path.split(".").at(-1) ?? ""] ?? "t";
    expect(readWorkflow({ text: documentWith(path, value) }).problems, path).toEqual([]);
  }
});
