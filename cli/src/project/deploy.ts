// Deploying: code bundles first, then the set of documents that names them, all or none.
import {
  AppError,
  formatProblem,
  readWorkflow,
  workflowBytesMax,
  type DeployView,
  type Problem,
  type SourceDocument,
  type Validation,
} from "@capstan/proto";
import type { Client } from "../api/client.ts";
import { packBundle, type Bundle } from "./bundle.ts";
import type { WorkflowSource } from "./sources.ts";

/** A workflow file with its packed code: what is sent. */
export interface PackedSource {
  readonly document: SourceDocument;
  readonly bundle: Bundle | undefined;
}

/** True for a text that no request could carry. */
export const isTooLarge = (source: WorkflowSource): boolean => Buffer.byteLength(source.source) > workflowBytesMax;

/** What the checker says of a file. */
export const problemsOf = (source: WorkflowSource): readonly Problem[] =>
  readWorkflow({ text: source.source, file: source.file }).problems;

/** Packs the code of each source; sources with the same folder and patterns share one bundle. @throws spec_invalid for a text above 1 MiB */
export function packSources(sources: readonly WorkflowSource[]): PackedSource[] {
  const problems = sources.filter(isTooLarge).flatMap(problemsOf);
  if (problems.length > 0) throw new AppError("spec_invalid", problems[0]?.detail ?? "", { problems });
  const bundles = new Map<string, Bundle | undefined>();
  return sources.map((source) => {
    const { file, source: text, codeRoot, include, exclude } = source;
    if (codeRoot === undefined) return { document: { file, source: text }, bundle: undefined };
    const key = JSON.stringify([codeRoot, include, exclude]);
    if (!bundles.has(key)) bundles.set(key, packBundle(codeRoot, include, exclude));
    const bundle = bundles.get(key);
    return {
      document: { file, source: text, ...(bundle === undefined ? {} : { bundleSha256: bundle.sha256 }) },
      bundle,
    };
  });
}

export interface DeployOptions {
  readonly dryRun?: boolean;
  readonly message?: string;
}

async function sendBundles(client: Client, packed: readonly PackedSource[]): Promise<void> {
  const bundles = new Map(
    packed.flatMap(({ bundle }) => (bundle === undefined ? [] : [[bundle.sha256, bundle] as const])),
  );
  for (const [sha256, bundle] of bundles) await client.call("bundlePut", { params: { sha256 }, bytes: bundle.bytes });
}

/**
 * Sends bundles and documents. Nothing is changed where one document has a problem.
 * @throws ProblemError spec_invalid with all problems and their places
 */
export async function deploy(
  client: Client,
  packed: readonly PackedSource[],
  options: DeployOptions = {},
): Promise<DeployView> {
  await sendBundles(client, packed);
  return client.call("deployCreate", { body: { documents: packed.map(({ document }) => document), ...options } });
}

/** Asks the control plane about documents without changing anything. */
export async function validateRemotely(client: Client, packed: readonly PackedSource[]): Promise<Validation> {
  await sendBundles(client, packed);
  return client.call("validate", { body: { documents: packed.map(({ document }) => document) } });
}

/** A problem as its parts come off the wire. */
type ReceivedProblem = { readonly [K in keyof Problem]: Problem[K] | undefined } & Pick<Problem, "code" | "detail">;

/** A problem's place and words, as editors and compilers write them: `daily.yaml:32:17 code message`. */
export const problemLine = (problem: ReceivedProblem): string => formatProblem(problem as Problem); // a part that is undefined and one that is absent read the same
