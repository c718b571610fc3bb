// Deploying: code bundles first, then the set of documents that names them, all or none.
import {
  AppError,
  formatProblem,
  type DeployView,
  type Problem,
  type SourceDocument,
  type Validation,
} from "@capstan/proto";
import type { Client } from "../api/client.ts";
import { ProblemError } from "../api/problem.ts";
import { packBundle, type Bundle } from "./bundle.ts";
import { atAuthor } from "./front-end.ts";
import { isRefused, problemsOf, type WorkflowSource } from "./sources.ts";

/** A workflow file with its packed code: what is sent. */
export interface PackedSource {
  readonly document: SourceDocument;
  readonly bundle: Bundle | undefined;
  /** Where the parts of its document stand in the author's files. */
  readonly places: WorkflowSource["places"];
}

/** Packs the code of each source; sources with the same folder and patterns share one bundle. @throws spec_invalid for a program that failed or a text above 1 MiB */
export function packSources(sources: readonly WorkflowSource[], cwd: string): PackedSource[] {
  const problems = sources.filter(isRefused).flatMap((source) => problemsOf(source, cwd));
  if (problems.length > 0) throw new AppError("spec_invalid", problems[0]?.detail ?? "", { problems });
  const bundles = new Map<string, Bundle | undefined>();
  return sources.map((source) => {
    const { file, source: text, codeRoot, include, exclude, bundled, places } = source;
    const key = JSON.stringify([codeRoot, include, exclude, bundled.map(({ path }) => path)]);
    if (!bundles.has(key)) bundles.set(key, packBundle(codeRoot, include, exclude, bundled));
    const bundle = bundles.get(key);
    return {
      places,
      document: { file, source: text, ...(bundle === undefined ? {} : { bundleSha256: bundle.sha256 }) },
      bundle,
    };
  });
}

export interface DeployOptions {
  /** For the paths in messages. */
  readonly cwd: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
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
  options: DeployOptions,
): Promise<DeployView> {
  await sendBundles(client, packed);
  try {
    const { cwd: _, ...rest } = options;
    return await client.call("deployCreate", { body: { documents: packed.map(({ document }) => document), ...rest } });
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    throw new ProblemError(atAuthors(error.problem, packed, options.cwd));
  }
}

/** Asks the control plane about documents without changing anything. */
export async function validateRemotely(
  client: Client,
  packed: readonly PackedSource[],
  cwd: string,
): Promise<Validation> {
  await sendBundles(client, packed);
  const validation = await client.call("validate", { body: { documents: packed.map(({ document }) => document) } });
  return { ...validation, problems: validation.problems.map((problem) => placed(problem, packed, cwd)) };
}

type Received = NonNullable<ProblemError["problem"]["errors"]>[number];

/** The control plane sees the document; its author sees the program. */
const placed = (problem: Received, packed: readonly PackedSource[], cwd: string): Received => {
  const places = packed.find(({ document }) => document.file === problem.file)?.places;
  return places === undefined ? problem : atAuthor(problem, places, cwd);
};

function atAuthors(
  problem: ProblemError["problem"],
  packed: readonly PackedSource[],
  cwd: string,
): ProblemError["problem"] {
  const errors = problem.errors?.map((one) => placed(one, packed, cwd));
  const [before] = problem.errors ?? [];
  const [after] = errors ?? [];
  if (before === undefined || after === undefined || before === after) return problem;
  const where = (one: Received): string =>
    [one.file, one.line, one.column].filter((part) => part !== undefined).join(":");
  return { ...problem, detail: problem.detail.replace(where(before), where(after)), errors };
}

/** A problem as its parts come off the wire. */
type ReceivedProblem = { readonly [K in keyof Problem]: Problem[K] | undefined } & Pick<Problem, "code" | "detail">;

/** A problem's place and words, as editors and compilers write them: `daily.yaml:32:17 code message`. */
export const problemLine = (problem: ReceivedProblem): string => formatProblem(problem as Problem); // a part that is undefined and one that is absent read the same
