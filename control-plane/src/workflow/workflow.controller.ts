import { Controller, Inject } from "@nestjs/common";
import {
  actionKindOf,
  AppError,
  idFromUuid,
  runName,
  type CanonicalWorkflow,
  type RouteResponse,
  type VersionDetail,
  type VersionRow,
  type WorkflowDetail,
  type WorkflowPaused,
  type WorkflowView,
} from "@capstan/proto";
import { HELD_WORKFLOWS, type HeldWorkflows } from "../commit/held-workflows.ts";
import { Call, type CallOf } from "../http/call.ts";
import { makeCursor, readCursor } from "../http/cursor.ts";
import { tagged } from "../http/etag.ts";
import { Handles } from "../http/handle.ts";
import type { ProjectScope } from "../http/request-context.ts";
import { workflowTag } from "./deploy.service.ts";
import { WORKFLOW_STORE, type VersionRecord, type WorkflowRow, type WorkflowStore } from "./workflow.store.ts";

@Controller()
export class WorkflowController {
  private readonly store: WorkflowStore;
  private readonly held: HeldWorkflows;

  constructor(@Inject(WORKFLOW_STORE) store: WorkflowStore, @Inject(HELD_WORKFLOWS) held: HeldWorkflows) {
    this.store = store;
    this.held = held;
  }

  @Handles("workflowPause")
  pause(@Call("workflowPause") { project, params, body, actor }: CallOf<"workflowPause">): Promise<WorkflowPaused> {
    return this.setPause(project, params.workflow, { actor, reason: body.reason ?? "" }, actor);
  }

  @Handles("workflowResume")
  resume(@Call("workflowResume") { project, params, actor }: CallOf<"workflowResume">): Promise<WorkflowPaused> {
    return this.setPause(project, params.workflow, undefined, actor);
  }

  private async setPause(
    project: ProjectScope,
    name: string,
    pause: { readonly actor: string; readonly reason: string } | undefined,
    actor: string,
  ): Promise<WorkflowPaused> {
    const change = await this.store.setPause(project.id, name, pause, actor);
    if (change === undefined) return unknownWorkflow(project, name);
    // From here on this replica begins none of its runs, or begins those that wait.
    await this.held.look();
    return {
      workflow: name,
      state: pause === undefined ? "active" : "paused",
      already: !change.changed,
      waiting: change.waiting,
    };
  }

  @Handles("workflowList")
  async list(@Call("workflowList") { project, query }: CallOf<"workflowList">): Promise<RouteResponse<"workflowList">> {
    const limit = query.limit ?? 50;
    const filter = ["workflows", query.q ?? null];
    const after = query.cursor === undefined ? undefined : String(readCursor(filter, query.cursor, 1)[0]);
    const found = await this.store.list(project.id, { limit: limit + 1, after, q: query.q, name: undefined });
    const rows = found.slice(0, limit);
    const last = found.length > limit ? rows.at(-1) : undefined;
    return {
      data: rows.map((row) => workflowView(row, documentOf(row.canonical))),
      nextCursor: last === undefined ? null : makeCursor(filter, [last.name]),
    };
  }

  @Handles("workflowGet")
  async show(@Call("workflowGet") call: CallOf<"workflowGet">): Promise<WorkflowDetail | undefined> {
    const { project, params } = call;
    const rows = await this.store.list(project.id, { limit: 1, after: undefined, q: undefined, name: params.workflow });
    const row = rows[0] ?? unknownWorkflow(project, params.workflow);
    const document = documentOf(row.canonical);
    return tagged("workflowGet", call, workflowTag(row), {
      ...workflowView(row, document),
      inputs: structuredClone(document.inputs ?? {}) as unknown as WorkflowDetail["inputs"], // declarations are JSON
      tasks: Object.entries(document.tasks).map(([task, definition]) => ({
        task,
        title: definition.title ?? null,
        action: actionKindOf(definition.action),
        needs: [...definition.needs],
      })),
      sourceFile: row.sourceFile,
    });
  }

  @Handles("versionList")
  async versions(
    @Call("versionList") { project, params, query }: CallOf<"versionList">,
  ): Promise<RouteResponse<"versionList">> {
    const limit = query.limit ?? 50;
    const filter = ["versions", params.workflow];
    const before = query.cursor === undefined ? undefined : Number(readCursor(filter, query.cursor, 1)[0]);
    const found = await this.store.versions(project.id, params.workflow, { limit: limit + 1, before });
    if (found.length === 0 && before === undefined) unknownWorkflow(project, params.workflow);
    const rows = found.slice(0, limit);
    const last = found.length > limit ? rows.at(-1) : undefined;
    return { data: rows.map(versionRow), nextCursor: last === undefined ? null : makeCursor(filter, [last.number]) };
  }

  @Handles("versionGet")
  async version(@Call("versionGet") { project, params }: CallOf<"versionGet">): Promise<VersionDetail> {
    const wanted = /^[1-9]\d{0,8}$/.test(params.version) ? Number(params.version) : params.version;
    const record = await this.store.version(project.id, params.workflow, wanted);
    if (record === undefined) {
      throw new AppError(
        "not_found",
        `There is no version ${params.version} of workflow ${params.workflow} in project ${project.name}.`,
      );
    }
    return {
      ...versionRow(record),
      derivedFrom: record.derivedFrom ?? null,
      document: JSON.parse(record.canonical) as VersionDetail["document"], // canonical JSON
      source: record.source,
    };
  }
}

function unknownWorkflow(project: ProjectScope, name: string): never {
  throw new AppError("not_found", `There is no workflow ${name} in project ${project.name}.`);
}

/** Stored by deploy from a checked document. */
const documentOf = (canonical: string): CanonicalWorkflow => JSON.parse(canonical) as CanonicalWorkflow;

const at = (ms: number): string => new Date(ms).toISOString();

const workflowView = (row: WorkflowRow, document: CanonicalWorkflow): WorkflowView => ({
  id: idFromUuid("wf", row.workflowId),
  name: row.name,
  title: document.title ?? null,
  description: document.description ?? null,
  owner: document.owner ?? null,
  tags: [...(document.tags ?? [])],
  digest: row.digest,
  version: row.number,
  deployedAt: at(row.deployedMs),
  deployedBy: row.deployedBy,
  createdAt: at(row.createdMs),
  pause: row.pause === undefined ? null : { actor: row.pause.actor, reason: row.pause.reason, at: at(row.pause.atMs) },
  lastRuns: row.lastRuns.map((run) => ({
    id: idFromUuid("run", run.id),
    name: runName(row.name, run.number),
    state: run.state,
    createdAt: at(run.createdMs),
    endedAt: run.endedMs === undefined ? null : at(run.endedMs),
  })),
});

const versionRow = (record: VersionRecord): VersionRow => ({
  workflow: record.name,
  version: record.number,
  digest: record.digest,
  active: record.active,
  sourceFile: record.sourceFile,
  bundleSha256: record.bundleSha256 ?? null,
  createdAt: at(record.createdMs),
  createdBy: record.createdBy,
});
