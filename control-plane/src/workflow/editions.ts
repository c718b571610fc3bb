// Deployed editions in this replica's memory, so that starting a run asks the database nothing.
//  E1. An edition never changes, so it is kept by digest and handed out as the same object.
//  E2. Which one is active is believed for a second, and forgotten at once where this replica deploys.
import type { CanonicalWorkflow } from "@capstan/proto";
import type { WorkflowEdition } from "../commit/commit.ts";
import type { EditionRow, WorkflowStore } from "./workflow.store.ts";

export interface NumberedEdition extends WorkflowEdition {
  readonly name: string;
  readonly number: number;
}

interface Project {
  readonly id: string;
  readonly name: string;
}

const believedMs = 1_000;
const editionsMax = 1_000;

export class WorkflowEditions {
  private readonly store: WorkflowStore;
  private readonly nowMs: () => number;
  private readonly byDigest = new Map<string, NumberedEdition>();
  private readonly activeNames = new Map<
    string,
    { readonly edition: Promise<NumberedEdition | undefined>; readonly untilMs: number }
  >();

  constructor(store: WorkflowStore, nowMs: () => number = () => performance.now()) {
    this.store = store;
    this.nowMs = nowMs;
  }

  /** The version that new runs take, or undefined where there is no such workflow. */
  active(project: Project, name: string): Promise<NumberedEdition | undefined> {
    const key = `${project.id} ${name}`;
    const now = this.nowMs();
    const known = this.activeNames.get(key);
    if (known !== undefined && known.untilMs > now) return known.edition;
    const edition = this.store.active(project.id, name).then((row) => this.keep(project, row));
    // A failure is not believed: the next caller asks again.
    edition.catch(() => this.activeNames.delete(key));
    if (this.activeNames.size >= editionsMax) this.activeNames.clear();
    this.activeNames.set(key, { edition, untilMs: now + believedMs });
    return edition;
  }

  /** A version by its number or digest. */
  async version(project: Project, name: string, version: number | string): Promise<NumberedEdition | undefined> {
    return this.keep(project, await this.store.version(project.id, name, version));
  }

  async byId(project: Project, workflowId: string, digest: string): Promise<NumberedEdition | undefined> {
    const known = this.byDigest.get(`${project.id} ${workflowId} ${digest}`);
    return known ?? this.keep(project, await this.store.edition(project.id, workflowId, digest));
  }

  /** After a deploy: the next caller sees the new version. */
  forget(projectId: string, name: string): void {
    this.activeNames.delete(`${projectId} ${name}`);
  }

  private keep(project: Project, row: EditionRow | undefined): NumberedEdition | undefined {
    if (row === undefined) return undefined;
    const key = `${project.id} ${row.workflowId} ${row.digest}`;
    const known = this.byDigest.get(key);
    if (known !== undefined) return known;
    const edition: NumberedEdition = {
      projectId: project.id,
      project: project.name,
      workflowId: row.workflowId,
      name: row.name,
      number: row.number,
      digest: row.digest,
      // Written by deploy from a checked document; the digest in its key says so.
      document: JSON.parse(row.canonical) as CanonicalWorkflow,
      ...(row.bundleSha256 === undefined ? {} : { bundleSha256: row.bundleSha256 }),
    };
    if (this.byDigest.size >= editionsMax) {
      const oldest = this.byDigest.keys().next();
      if (oldest.done !== true) this.byDigest.delete(oldest.value);
    }
    this.byDigest.set(key, edition);
    return edition;
  }
}
