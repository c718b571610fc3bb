// What a deploy would change: each workflow as the YAML of its document, against the deployed one.
import { canonicalJsonOf, digestOf, sourceOfCanonical, withBundle, type CanonicalWorkflow } from "@capstan/proto";
import { stringify } from "yaml";
import type { Client } from "../api/client.ts";
import { ProblemError } from "../api/problem.ts";
import type { Output } from "../output/output.ts";
import { lineDiff } from "../output/line-diff.ts";
import type { PackedSource } from "./deploy.ts";
import { readOnce } from "./read-once.ts";

/** A canonical document as YAML: reading it gives the same digest. */
export const documentYaml = (document: CanonicalWorkflow): string =>
  // Keys in the order of the stored form, so that a difference in order is none.
  stringify(sourceOfCanonical(JSON.parse(canonicalJsonOf(document)) as CanonicalWorkflow), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });

/** The text that is compared: the document, and the digest of its code. */
const comparedText = (document: CanonicalWorkflow, bundle: string | null | undefined): string =>
  `${typeof bundle === "string" ? `# code ${bundle.slice(0, 12)}\n` : ""}${documentYaml(document)}`;

/** What is deployed under a name: its document and its code. */
export interface Deployed {
  readonly version: number;
  readonly digest: string;
  readonly text: string;
}

/** A deployed version, by number or digest. @throws ProblemError not_found */
export async function versionText(client: Client, workflow: string, version: string): Promise<Deployed> {
  const found = await client.call("versionGet", { params: { workflow, version } });
  const document = found.document as unknown as CanonicalWorkflow; // written by deploy from a checked document
  return { version: found.version, digest: found.digest, text: comparedText(document, found.bundleSha256) };
}

async function activeVersion(
  client: Client,
  workflow: string,
): Promise<Pick<Deployed, "version" | "digest"> | undefined> {
  try {
    return await client.call("workflowGet", { params: { workflow } });
  } catch (error) {
    if (error instanceof ProblemError && error.problem.code === "not_found") return undefined;
    throw error;
  }
}

export interface Change {
  readonly workflow: string;
  readonly file: string;
  readonly result: "new" | "changed" | "unchanged" | "only deployed";
  /** The version that is deployed now. */
  readonly version: number | null;
  readonly lines: readonly { readonly mark: string; readonly text: string }[];
}

/** One change per source; sources with errors are left to the checker. */
export async function changesOf(client: Client, packed: readonly PackedSource[]): Promise<Change[]> {
  const changes: Change[] = [];
  for (const { document: source, bundle } of packed) {
    const { document } = readOnce(source.source, source.file);
    if (document === undefined) continue;
    const before = await activeVersion(client, document.name);
    const isSame = before?.digest === digestOf(withBundle(document, bundle?.sha256));
    // The texts of a large workflow take hundreds of milliseconds: only where there is something to compare.
    const lines =
      before === undefined || isSame
        ? []
        : lineDiff(
            (await versionText(client, document.name, before.digest)).text,
            comparedText(document, bundle?.sha256),
          );
    changes.push({
      workflow: document.name,
      file: source.file,
      result: before === undefined ? "new" : lines.length === 0 ? "unchanged" : "changed",
      version: before?.version ?? null,
      lines,
    });
  }
  return changes;
}

/** Deployed workflows whose file is not among those that were read. A deploy leaves them as they are. */
export async function onlyDeployed(client: Client, local: readonly Change[]): Promise<Change[]> {
  const names = new Set(local.map(({ workflow }) => workflow));
  const { data } = await client.call("workflowList", { query: { limit: 500 } });
  return data
    .filter(({ name }) => !names.has(name))
    .map(({ name, version }) => ({ workflow: name, file: "", result: "only deployed", version, lines: [] }));
}

const marks = { new: "+", changed: "~", unchanged: "=", "only deployed": "-" } as const;

/** The lines of a diff, coloured. */
export function diffText(out: Output, lines: Change["lines"]): string {
  return lines
    .map(({ mark, text }) => {
      if (mark === "@") return out.tone("grey", "  ⋮");
      const line = `${mark} ${text}`;
      return mark === "+" ? out.tone("green", line) : mark === "-" ? out.tone("red", line) : line;
    })
    .map((line) => `    ${line}\n`)
    .join("");
}

/** A head line per workflow, and what differs below it. Unchanged ones are only counted by the caller. */
export function changesText(out: Output, changes: readonly Change[]): string {
  return changes
    .filter(({ result }) => result !== "unchanged")
    .map(({ workflow, file, result, version, lines }) => {
      const where = result === "only deployed" ? "deployed, and not among these files; a deploy leaves it" : file;
      const from = version === null ? "" : `  version ${version}`;
      return `${marks[result]} ${workflow}  ${result}${from}  ${out.tone("grey", where)}\n${diffText(out, lines)}`;
    })
    .join("");
}
