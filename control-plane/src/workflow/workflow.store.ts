// The port of workflows, their versions, bundles and deploys to their rows.
import type { DeployedWorkflow, RunState } from "@capstan/proto";
import type { CheckEdition } from "../http/etag.ts";

export const WORKFLOW_STORE = Symbol("WorkflowStore");

export interface EditionRow {
  readonly workflowId: string;
  readonly name: string;
  readonly digest: string;
  readonly number: number;
  readonly canonical: string;
  readonly bundleSha256: string | undefined;
}

/** What people change about a workflow: the version that is active, and its pause. */
export interface WorkflowSettings extends EditionRow {
  /** Undefined for one that is not paused. */
  readonly pause: WorkflowPause | undefined;
}

export interface WorkflowRow extends WorkflowSettings {
  readonly createdMs: number;
  readonly deployedMs: number;
  readonly deployedBy: string;
  readonly sourceFile: string;
  /** Newest first, at most 14. */
  readonly lastRuns: readonly {
    readonly id: string;
    readonly number: number;
    readonly state: RunState;
    readonly createdMs: number;
    readonly endedMs: number | undefined;
  }[];
}

export interface WorkflowPause {
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
}

/** What changed by pausing a workflow or letting it go on. */
export interface PauseChange {
  readonly changed: boolean;
  /** Runs of it that wait to begin. */
  readonly waiting: number;
}

export interface VersionRecord extends EditionRow {
  readonly active: boolean;
  readonly source: string;
  readonly sourceFile: string;
  readonly createdMs: number;
  readonly createdBy: string;
  /** Digest of the deployed version that it was made from for a run. */
  readonly derivedFrom: string | undefined;
}

/** A version for one run, with the number of the deployed version that it comes from. */
export interface DerivedVersion extends EditionRow {
  readonly derivedFrom: string;
  readonly source: string;
  readonly sourceFile: string;
  readonly actor: string;
}

export interface DeployRecord {
  readonly id: string;
  readonly actor: string;
  readonly message: string | undefined;
  readonly createdMs: number;
  readonly workflows: readonly DeployedWorkflow[];
  readonly pruned: readonly string[];
}

export interface NewVersion {
  readonly name: string;
  readonly digest: string;
  readonly canonical: string;
  readonly source: string;
  readonly sourceFile: string;
  readonly bundleSha256: string | undefined;
}

export interface NewDeploy {
  readonly id: string;
  readonly actor: string;
  readonly message: string | undefined;
  readonly versions: readonly NewVersion[];
  readonly idempotency: { readonly caller: string; readonly key: string; readonly requestSha256: string } | undefined;
  /** Workflows to retire. */
  readonly pruned: readonly string[];
  /** The answer, made from the numbers that the versions got. */
  answer(numbers: ReadonlyMap<string, number>, createdMs: number): Pick<DeployRecord, "workflows" | "pruned">;
}

export type DeployOutcome =
  | ({ readonly kind: "deployed"; readonly createdMs: number } & Pick<DeployRecord, "workflows" | "pruned">)
  | { readonly kind: "replayed"; readonly deploy: DeployRecord }
  | { readonly kind: "key_reused" };

export interface WorkflowStore {
  active(projectId: string, name: string): Promise<EditionRow | undefined>;
  /** By number, of those that were deployed; or by digest, of all. */
  version(projectId: string, name: string, version: number | string): Promise<VersionRecord | undefined>;
  edition(projectId: string, workflowId: string, digest: string): Promise<EditionRow | undefined>;
  list(
    projectId: string,
    page: {
      readonly limit: number;
      readonly after: string | undefined;
      readonly q: string | undefined;
      readonly name: string | undefined;
    },
  ): Promise<readonly WorkflowRow[]>;
  /** Those that were deployed, newest first. */
  versions(
    projectId: string,
    name: string,
    page: { readonly limit: number; readonly before: number | undefined },
  ): Promise<readonly VersionRecord[]>;
  /** Kept once, however often it is made. It becomes nobody's active version. */
  addDerived(projectId: string, version: DerivedVersion): Promise<void>;
  /** One transaction: versions that are new are added and made active, all or none. */
  deploy(projectId: string, deploy: NewDeploy): Promise<DeployOutcome>;
  /**
   * Retires a workflow, with its audit record; false where there is none of that name. `others` of the check are the active
   * editions in which its name stands.
   */
  retire(
    projectId: string,
    workflow: { readonly name: string; readonly actor: string },
    check: CheckEdition<{ readonly current: WorkflowSettings; readonly others: readonly EditionRow[] }>,
  ): Promise<boolean>;
  deploys(
    projectId: string,
    page: { readonly limit: number; readonly before: string | undefined },
  ): Promise<readonly DeployRecord[]>;
  /** Pauses a workflow, or lets it go on, with its audit record; undefined where there is none of that name. */
  setPause(
    projectId: string,
    name: string,
    pause: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<PauseChange | undefined>;
  /** Names of all that are deployed. */
  names(projectId: string): Promise<readonly string[]>;
  /** Active editions by name, and all those that start another workflow. */
  withStarters(projectId: string, names: readonly string[]): Promise<readonly EditionRow[]>;
  hasBundles(projectId: string, sha256: readonly string[]): Promise<ReadonlySet<string>>;
  addBundle(projectId: string, sha256: string, sizeBytes: number): Promise<boolean>;
}
