// A set of workflow files becomes versions: all of them or none.
//  D1. Nothing is stored unless every file is free of errors and every bundle is there.
//  D2. An equal digest with the same code is the same version; deploying it again changes nothing.
import { randomBytes } from "node:crypto";
import {
  AppError,
  asksPeople,
  checkCode,
  checkLimits,
  checkMembers,
  checkVars,
  mayMissCode,
  idFromUuid,
  uuidV7,
  type CanonicalWorkflow,
  type DeployBody,
  type DeployedWorkflow,
  type DeployView,
  type Problem,
  type SourceDocument,
  type Validation,
} from "@capstan/proto";
import type { AgentPicture } from "../explain/agent-picture.ts";
import { makeCursor, readCursor } from "../http/cursor.ts";
import { etagOf, type Precondition } from "../http/etag.ts";
import type { ProjectScope } from "../http/request-context.ts";
import { changesBetween } from "./changes.ts";
import type { WorkflowEditions } from "./editions.ts";
import { placementPlan } from "./placement-plan.ts";
import { bundlePaths } from "./bundle-index.ts";
import { isError, readDocuments, refuseErrors, type ReadDocument, type ReadDocuments } from "./read-documents.ts";
import { checkListeners, listenedNames } from "./listened-workflows.ts";
import { checkSubWorkflows, startedNames } from "./sub-workflows.ts";
import type { StorePaths } from "./store-paths.ts";
import type { DeployRecord, WorkflowSettings, WorkflowStore } from "./workflow.store.ts";

/** What a deploy asks of its project. */
export interface DeployProject {
  readonly limits: {
    /** Capacity by name. */
    capacities(projectId: string): Promise<ReadonlyMap<string, number>>;
  };
  readonly variables: { names(projectId: string): Promise<ReadonlySet<string>> };
  /** Names of those who may work in it. */
  readonly people: { names(projectId: string): Promise<ReadonlySet<string>> };
}

export interface DeployedBy {
  readonly actor: string;
  readonly idempotency: { readonly caller: string; readonly key: string; readonly requestSha256: string } | undefined;
}

export interface Deployed {
  readonly view: DeployView;
  /** The answer of an earlier request with the same key. */
  readonly replayed: boolean;
}

export class DeployService {
  private readonly store: WorkflowStore;
  private readonly editions: WorkflowEditions;
  private readonly picture: AgentPicture;

  private readonly paths: StorePaths;
  private readonly project: DeployProject;

  constructor(
    store: WorkflowStore,
    editions: WorkflowEditions,
    picture: AgentPicture,
    paths: StorePaths,
    project: DeployProject,
  ) {
    this.store = store;
    this.project = project;
    this.paths = paths;
    this.editions = editions;
    this.picture = picture;
  }

  /** Problems of files; nothing is changed. */
  validate(sources: readonly SourceDocument[]): Validation {
    const read = readDocuments(sources);
    return {
      ok: !read.problems.some(isError),
      problems: read.problems.map((problem) => ({ ...problem })),
      workflows: read.documents.map((one) => ({
        workflow: one.document.name,
        file: one.source.file,
        digest: one.digest,
      })),
    };
  }

  /** @throws spec_invalid bundle_missing idempotency_key_reused */
  async deploy(project: ProjectScope, body: DeployBody, by: DeployedBy): Promise<Deployed> {
    const read = readDocuments(body.documents);
    refuseErrors(read);
    const pruned = body.prune === true ? await this.toPrune(project, read) : [];
    const limited = await this.check(project, read, pruned);
    const planned = await this.plan(project, read.documents, limited);
    if (body.dryRun === true) {
      return {
        view: {
          id: null,
          dryRun: true,
          actor: by.actor,
          message: body.message ?? null,
          createdAt: new Date().toISOString(),
          workflows: planned,
          pruned,
        },
        replayed: false,
      };
    }
    const id = uuidV7(Date.now(), randomBytes(10));
    const outcome = await this.store.deploy(project.id, {
      id,
      actor: by.actor,
      message: body.message,
      idempotency: by.idempotency,
      versions: read.documents.map((one) => ({
        name: one.document.name,
        digest: one.digest,
        canonical: one.canonical,
        source: one.source.source,
        sourceFile: one.source.file,
        bundleSha256: one.source.bundleSha256,
      })),
      pruned,
      answer: (numbers) => ({
        pruned,
        workflows: planned.map((one) => ({ ...one, version: numbers.get(one.workflow) ?? one.version })),
      }),
    });
    if (outcome.kind === "key_reused") {
      throw new AppError(
        "idempotency_key_reused",
        "This Idempotency-Key was used for another deploy within the last 24 hours.",
      );
    }
    if (outcome.kind === "replayed") return { view: deployView(outcome.deploy), replayed: true };
    for (const name of [...read.documents.map((one) => one.document.name), ...pruned])
      this.editions.forget(project.id, name);
    const record = {
      id,
      actor: by.actor,
      message: body.message,
      createdMs: outcome.createdMs,
      workflows: outcome.workflows,
      pruned: outcome.pruned,
    };
    return { view: deployView(record), replayed: false };
  }

  /** What a project has to say about documents that are right in themselves: warnings. @throws spec_invalid bundle_missing */
  async check(project: ProjectScope, read: ReadDocuments, pruned: readonly string[] = []): Promise<readonly Problem[]> {
    await this.refuseMissingBundles(project, read.documents);
    await this.refuseMissingCode(project, read);
    await this.refuseBadStarts(project, read, pruned);
    await this.refuseUnknownVars(project, read);
    await this.refuseUnknownPeople(project, read);
    return this.checkLimits(project, read);
  }

  /**
   * Deploys an earlier version again, from its own source: checked as any other, since limits, variables and the workflows
   * that it starts may have changed meanwhile. It keeps its number.
   * @throws not_found spec_invalid bundle_missing idempotency_key_reused
   */
  async rollback(
    project: ProjectScope,
    name: string,
    to: { readonly version: number | string; readonly reason: string },
    by: DeployedBy,
  ): Promise<Deployed> {
    const wanted = typeof to.version === "string" && /^\d{1,9}$/.test(to.version) ? Number(to.version) : to.version;
    const version = await this.store.version(project.id, name, wanted);
    if (version === undefined) throw new AppError("not_found", `There is no version ${to.version} of ${name}.`);
    if (version.derivedFrom !== undefined) {
      const detail = `${to.version} was made for a run of ${name}, out of version ${version.number}; only deployed versions can be deployed again.`;
      throw new AppError("state_conflict", detail, { evidence: { from: version.derivedFrom } });
    }
    const document: SourceDocument = {
      file: version.sourceFile,
      source: version.source,
      ...(version.bundleSha256 === undefined ? {} : { bundleSha256: version.bundleSha256 }),
    };
    return this.deploy(
      project,
      { documents: [document], message: `back to version ${version.number}: ${to.reason}` },
      by,
    );
  }

  /**
   * Nothing starts it any more; its runs and versions stay, and it can be deployed again.
   * @throws not_found in_use precondition_required precondition_failed
   */
  async retire(project: ProjectScope, name: string, actor: string, precondition: Precondition): Promise<void> {
    const done = await this.store.retire(project.id, { name, actor }, ({ current, others }) => {
      precondition.check(`the workflow ${name}`, workflowTag(current));
      const users = others
        .filter(({ canonical }) => {
          const document = JSON.parse(canonical) as CanonicalWorkflow; // written by deploy from a checked document
          return startedNames(document).includes(name) || listenedNames(document).includes(name);
        })
        .map((one) => one.name)
        .toSorted();
      if (users.length === 0) return;
      const some = `${users.slice(0, 5).join(", ")}${users.length > 5 ? " …" : ""}`;
      throw new AppError(
        "in_use",
        `The workflow ${name} cannot be retired; others start it or listen to it: ${some}.`,
        {
          evidence: { workflows: users },
        },
      );
    });
    if (!done) throw new AppError("not_found", `There is no workflow ${name} in project ${project.name}.`);
    this.editions.forget(project.id, name);
  }

  async list(
    project: ProjectScope,
    page: { readonly limit: number; readonly cursor: string | undefined },
  ): Promise<{ data: DeployView[]; nextCursor: string | null }> {
    const before = page.cursor === undefined ? undefined : String(readCursor("deploys", page.cursor, 1)[0]);
    const found = await this.store.deploys(project.id, { limit: page.limit + 1, before });
    const rows = found.slice(0, page.limit);
    const last = found.length > page.limit ? rows.at(-1) : undefined;
    return { data: rows.map(deployView), nextCursor: last === undefined ? null : makeCursor("deploys", [last.id]) };
  }

  private async refuseMissingBundles(project: ProjectScope, documents: readonly ReadDocument[]): Promise<void> {
    const wanted = [...new Set(documents.flatMap((one) => one.source.bundleSha256 ?? []))];
    const there = await this.store.hasBundles(project.id, wanted);
    const missing = documents.find(
      (one) => one.source.bundleSha256 !== undefined && !there.has(one.source.bundleSha256),
    );
    if (missing === undefined) return;
    throw new AppError(
      "bundle_missing",
      `The code bundle of ${missing.source.file} (${missing.source.bundleSha256 ?? ""}) was not uploaded.`,
    );
  }

  /** Every file that an action names is in the bundle of its document. */
  private async refuseMissingCode(project: ProjectScope, read: ReadDocuments): Promise<void> {
    const indexes = new Map<string, ReadonlySet<string>>();
    const missing: Problem[] = [];
    for (const { source, document } of read.documents) {
      const sha256 = source.bundleSha256;
      let bundled: ReadonlySet<string> = new Set();
      if (sha256 !== undefined) {
        bundled = indexes.get(sha256) ?? (await bundlePaths(this.paths.bundle(project.id, sha256)));
        indexes.set(sha256, bundled);
      }
      if (!mayMissCode(document, bundled)) continue;
      missing.push(...checkCode({ text: source.source, file: source.file }, bundled));
    }
    refuseErrors({ ...read, problems: [...read.problems, ...missing] });
  }

  /** Workflows that start others, or listen to them: those are there, take what they are given, and go in no circle. */
  private async refuseBadStarts(project: ProjectScope, read: ReadDocuments, pruned: readonly string[]): Promise<void> {
    const names = read.documents.flatMap(({ document }) => [...startedNames(document), ...listenedNames(document)]);
    const rows = await this.store.withStarters(project.id, names);
    const deployed = new Map<string, CanonicalWorkflow>();
    for (const row of rows) {
      if (pruned.includes(row.name)) continue;
      // Written by deploy from a checked document.
      deployed.set(row.name, JSON.parse(row.canonical) as CanonicalWorkflow);
    }
    refuseErrors({
      ...read,
      problems: [
        ...read.problems,
        ...checkSubWorkflows(read.documents, deployed),
        ...checkListeners(read.documents, deployed),
      ],
    });
  }

  /** Every variable that a workflow reads is one of the project's. */
  private async refuseUnknownVars(project: ProjectScope, read: ReadDocuments): Promise<void> {
    const readers = read.documents.filter(({ document }) => document.vars !== undefined);
    if (readers.length === 0) return;
    const known = await this.project.variables.names(project.id);
    const problems = readers
      .filter(({ document }) => document.vars?.some((name) => !known.has(name)) === true)
      .flatMap(({ source }) => checkVars({ text: source.source, file: source.file }, known));
    refuseErrors({ ...read, problems: [...read.problems, ...problems] });
  }

  private async refuseUnknownPeople(project: ProjectScope, read: ReadDocuments): Promise<void> {
    const asking = read.documents.filter(({ document }) => asksPeople(document));
    if (asking.length === 0) return;
    const known = await this.project.people.names(project.id);
    const problems = asking.flatMap(({ document, source }) =>
      checkMembers(document, { text: source.source, file: source.file }, known),
    );
    refuseErrors({ ...read, problems: [...read.problems, ...problems] });
  }

  /** What is deployed and not in the set. Whoever reads names out of a set has them all, so nothing is taken by surprise. */
  private async toPrune(project: ProjectScope, read: ReadDocuments): Promise<string[]> {
    const stay = new Set(read.documents.map((one) => one.document.name));
    return (await this.store.names(project.id)).filter((name) => !stay.has(name));
  }

  /** Refuses limits that the project does not have; answers the warnings about those that can never be met. */
  private async checkLimits(project: ProjectScope, read: ReadDocuments): Promise<readonly Problem[]> {
    const takes = read.documents.filter(({ document }) =>
      Object.values(document.tasks).some((task) => task.limits !== undefined),
    );
    if (takes.length === 0) return [];
    const capacities = await this.project.limits.capacities(project.id);
    const found = takes.flatMap(({ source }) => checkLimits({ text: source.source, file: source.file }, capacities));
    refuseErrors({ ...read, problems: [...read.problems, ...found] });
    return found;
  }

  private async plan(
    project: ProjectScope,
    documents: readonly ReadDocument[],
    more: readonly Problem[],
  ): Promise<DeployedWorkflow[]> {
    const [agents, pools] = await Promise.all([this.picture.agents(project.id), this.picture.pools(project.id)]);
    const planned: DeployedWorkflow[] = [];
    for (const one of documents) {
      const before = await this.editions.active(project, one.document.name);
      const bundleChanged = before !== undefined && before.bundleSha256 !== one.source.bundleSha256;
      const same = before?.digest === one.digest;
      planned.push({
        workflow: one.document.name,
        file: one.source.file,
        result: before === undefined ? "new" : same ? "unchanged" : "changed",
        digest: one.digest,
        version: same ? before.number : (before?.number ?? 0) + 1,
        changes: before === undefined || same ? [] : changesBetween(before.document, one.document, bundleChanged),
        warnings: [...one.warnings, ...more.filter((problem) => problem.file === one.source.file)].map((warning) => ({
          ...warning,
        })),
        placement: placementPlan(one.document, agents, pools),
      });
    }
    return planned;
  }
}

/** Of what people change about a workflow; its runs come and go by themselves. */
export const workflowTag = ({ workflowId, digest, number, bundleSha256, pause }: WorkflowSettings): string =>
  etagOf([
    workflowId,
    digest,
    number,
    bundleSha256 ?? null,
    pause === undefined ? null : [pause.actor, pause.reason, pause.atMs],
  ]);

const deployView = (record: DeployRecord): DeployView => ({
  id: idFromUuid("dep", record.id),
  dryRun: false,
  actor: record.actor,
  message: record.message ?? null,
  createdAt: new Date(record.createdMs).toISOString(),
  workflows: [...record.workflows],
  pruned: [...record.pruned],
});
