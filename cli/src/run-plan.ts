// `run --dry-run`: what a run would be, without one. The inputs are checked by the function that the control plane uses.
import {
  AppError,
  checkInputs,
  graphOf,
  type CanonicalWorkflow,
  type JsonObject,
  type JsonValue,
  type Problem,
} from "@capstan/proto";
import type { Client } from "./api/client.ts";
import type { Context } from "./context.ts";
import { exitCodes, type ExitCode } from "./exit-code.ts";
import type { RunInputs } from "./inputs.ts";

interface Planned {
  readonly workflow: string;
  readonly version?: number | string;
  readonly inputs: RunInputs;
}

const decidedLater = "(decided when it starts)";
const isExpression = (value: JsonValue | undefined): boolean => typeof value === "string" && value.includes("${{");

/** Prints version, inputs with their defaults, and tasks in an order in which they may run. @throws inputs_invalid */
export async function showPlan(
  ctx: Context,
  client: Client,
  { workflow, version, inputs }: Planned,
): Promise<ExitCode> {
  const wanted = version ?? (await client.call("workflowGet", { params: { workflow } })).digest;
  const found = await client.call("versionGet", { params: { workflow, version: String(wanted) } });
  const document = found.document as unknown as CanonicalWorkflow; // written by deploy from a checked document
  const whole = inputsOf(document, inputs);
  const tasks = inOrder(document);
  const plan = { workflow, version: found.version, digest: found.digest, inputs: whole, tasks };
  ctx.out.one(plan, workflow, () =>
    [
      `${workflow}  version ${found.version} (${found.digest.replace("sha256:", "").slice(0, 7)})`,
      ...Object.entries(whole).map(([name, value]) => `  ${name} = ${JSON.stringify(value)}`),
      ...tasks.map(({ task, needs }) => `○ ${task}${needs.length === 0 ? "" : `  after ${needs.join(", ")}`}`),
      "",
    ].join("\n"),
  );
  ctx.out.hint(
    "nothing is started; repeat it without --dry-run. Which agents could take each task: capstan deploy --dry-run",
  );
  return exitCodes.done;
}

/** The inputs with their defaults. One whose default is an expression gets its value when the run starts. */
function inputsOf(document: CanonicalWorkflow, given: RunInputs): JsonObject {
  const declared = (document.inputs ?? {}) as unknown as Readonly<Record<string, JsonObject>>; // declarations are JSON
  const later = Object.keys(declared).filter(
    (name) => !Object.hasOwn(given, name) && isExpression(declared[name]?.["default"]),
  );
  const checked = checkInputs(document, given as JsonObject); // the same values; the contract's schema lacks the word readonly
  const problems = checked.problems.filter(({ pointer }) => !later.some((name) => pointer === `/${name}`));
  if (problems.length > 0) {
    const told = problems.map((problem): Problem => ({ ...problem, pointer: `/inputs${problem.pointer}` }));
    throw new AppError("inputs_invalid", told[0]?.detail ?? "", { problems: told });
  }
  return { ...checked.inputs, ...Object.fromEntries(later.map((name) => [name, decidedLater])) };
}

/** Tasks so that each stands behind what it needs. */
function inOrder(document: CanonicalWorkflow): { task: string; needs: readonly string[] }[] {
  const { needs } = graphOf(document);
  const done = new Set<string>();
  const order: { task: string; needs: readonly string[] }[] = [];
  // As the file has them, as far as that goes.
  let open = Object.keys(document.tasks);
  while (open.length > 0) {
    const ready = open.filter((task) => (needs.get(task) ?? []).every((need) => done.has(need)));
    if (ready.length === 0) break; // a canonical document has no cycle
    for (const task of ready) {
      done.add(task);
      order.push({ task, needs: needs.get(task) ?? [] });
    }
    open = open.filter((task) => !done.has(task));
  }
  return order;
}
