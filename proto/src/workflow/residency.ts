// What stays where it was made: files, log lines and values of classified data (docs/language.md, "Data classes").
//  R1. It follows from the document alone, so the agent works it out by itself and need not believe the control plane.
import { handledDataOf, type DataRules } from "./check-data.ts";
import type { CanonicalWorkflow } from "./canonical.ts";
import { taskOf } from "./task-of.ts";

export interface Residency {
  /** Classes that the task reads or makes, sorted: its agent must allow each. */
  readonly classes: readonly string[];
  /** Label → the values of which a join token must have pinned one. */
  readonly rules: DataRules;
  /** Outputs whose files stay in the store of their agent. */
  readonly localFiles: ReadonlySet<string>;
  /** Outputs that are not told at all. */
  readonly withheld: ReadonlySet<string>;
  /** Outputs that leave their class only after somebody has agreed; the agent holds them until then. */
  readonly held: ReadonlySet<string>;
  /** Log lines, messages and summaries stay with the agent. */
  readonly localLogs: boolean;
}

const residencies = new WeakMap<CanonicalWorkflow, ReadonlyMap<string, Residency>>();
const nothing: ReadonlyMap<string, Residency> = new Map();

/** By key, for each task and hook that handles a class. */
export function residencyOf(document: CanonicalWorkflow): ReadonlyMap<string, Residency> {
  if (document.data === undefined) return nothing;
  const known = residencies.get(document) ?? workOut(document);
  residencies.set(document, known);
  return known;
}

function workOut(document: CanonicalWorkflow): ReadonlyMap<string, Residency> {
  const classes = document.data ?? {};
  const found = new Map<string, Residency>();
  for (const [key, { classes: handled, rules, outputs }] of handledDataOf(document)) {
    const task = taskOf(document, key);
    const declared = task?.outputs ?? {};
    const named = (isMeant: (output: string, carried: readonly string[]) => boolean): ReadonlySet<string> =>
      new Set([...outputs].filter(([output, carried]) => isMeant(output, carried)).map(([output]) => output));
    found.set(key, {
      classes: handled,
      rules,
      localFiles: named((_, carried) => carried.some((one) => classes[one]?.files !== "central")),
      withheld: named(
        (output, carried) =>
          declared[output] === undefined &&
          givesNoFile(output) &&
          carried.some((one) => classes[one]?.inline !== "allowed"),
      ),
      held: named((output) => (declared[output]?.declassify?.approvers ?? []).length > 0),
      localLogs: handled.some((one) => classes[one]?.logs !== "central"),
    });
  }
  return found;
}

/** The one output that an action gives as a file is called so. */
const givesNoFile = (output: string): boolean => output !== "file";

/** True where a file that such a document names may be kept on an agent alone. */
export const mayKeepFiles = (document: CanonicalWorkflow): boolean =>
  Object.values(document.data ?? {}).some((one) => one.files !== "central");
