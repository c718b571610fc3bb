// The version of a run whose request changes something of the deployed one (`overridable`).
//  R1. It is kept before the run exists, so agents can fetch it by its digest like any other. If nothing comes of the run, it
//      stays without one, and the same request finds it.
//  R2. It never becomes a workflow's version: it has no number of its own, is in no list, and cannot be deployed.
//  R3. It is checked as at deploy, against the project as it is now.
import {
  AppError,
  canonicalJson,
  canonicalJsonOf,
  deriveWorkflow,
  digestOfText,
  type CanonicalWorkflow,
  type Overrides,
  type Problem,
} from "@capstan/proto";
import type { Audit } from "../audit/entry.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { DeployService } from "./deploy.service.ts";
import type { NumberedEdition, WorkflowEditions } from "./editions.ts";
import type { ReadDocuments } from "./read-documents.ts";
import type { WorkflowStore } from "./workflow.store.ts";

export interface RunVersionsParts {
  readonly store: Pick<WorkflowStore, "addDerived">;
  readonly editions: Pick<WorkflowEditions, "byId">;
  readonly deploys: Pick<DeployService, "check">;
  readonly audit: Audit;
}

const rememberedMax = 1_000;

export class RunVersions {
  private readonly parts: RunVersionsParts;
  /** Digest by deployed version and changes: the same request again costs no reading and no checking. */
  private readonly made = new Map<string, string>();

  constructor(parts: RunVersionsParts) {
    this.parts = parts;
  }

  /**
   * The version of a run that is asked for with these changes; the given one where there are none. Changes to a version
   * that was itself made for a run are added to those.
   * @throws not_overridable spec_invalid
   */
  async changed(
    project: ProjectScope,
    asked: NumberedEdition,
    changes: Overrides | undefined,
    actor: string,
  ): Promise<NumberedEdition> {
    if (changes === undefined || Object.keys(changes).length === 0) return asked;
    const { derived } = asked.document;
    const base = derived === undefined ? asked : await this.edition(project, asked, derived.from);
    const set = { ...derived?.set, ...changes };
    const key = `${project.id} ${base.workflowId} ${base.digest} ${digestOfText(canonicalJson(set))}`;
    let digest = this.made.get(key);
    if (digest === undefined) {
      digest = await this.make(project, base, set, actor);
      if (this.made.size >= rememberedMax) this.made.clear();
      this.made.set(key, digest);
    }
    return this.edition(project, base, digest);
  }

  /** Writes down who asks for a run of a changed version. Before its commit, whose outcome may stay unknown. */
  async tell(project: ProjectScope, { name, number, digest, document }: NumberedEdition, actor: string): Promise<void> {
    const { derived } = document;
    if (derived === undefined) return;
    const overrides = Object.keys(derived.set).toSorted();
    const detail = { version: number, from: derived.from, digest, overrides };
    await this.parts.audit.append(project.id, { actor, action: "runs:start", subject: name, detail });
  }

  private async make(project: ProjectScope, base: NumberedEdition, set: Overrides, actor: string): Promise<string> {
    const made = deriveWorkflow(base.document, base.digest, set);
    if (made.kind === "refused") throw refused(made.code, made.problems);
    const { document, source } = made;
    const sourceFile = `${base.name}.json`;
    await this.check(project, { document, source, sourceFile, bundleSha256: base.bundleSha256 });
    const canonical = canonicalJsonOf(document);
    const digest = digestOfText(canonical);
    const { workflowId, name, number, bundleSha256 } = base;
    await this.parts.store.addDerived(project.id, {
      ...{ workflowId, name, number, bundleSha256, digest, canonical, source, sourceFile, actor },
      derivedFrom: base.digest,
    });
    return digest;
  }

  /** Asks the project what a deploy asks it. */
  private async check(
    project: ProjectScope,
    version: {
      readonly document: CanonicalWorkflow;
      readonly source: string;
      readonly sourceFile: string;
      readonly bundleSha256: string | undefined;
    },
  ): Promise<void> {
    const { document, source, sourceFile: file, bundleSha256 } = version;
    const read: ReadDocuments = {
      documents: [
        {
          source: { file, source, ...(bundleSha256 === undefined ? {} : { bundleSha256 }) },
          document,
          digest: "",
          canonical: "",
          warnings: [],
        },
      ],
      problems: [],
    };
    try {
      await this.parts.deploys.check(project, read);
    } catch (error) {
      if (error instanceof AppError && error.code === "spec_invalid")
        throw refused("spec_invalid", error.problems ?? []);
      throw error;
    }
  }

  private async edition(
    project: ProjectScope,
    { workflowId, name }: NumberedEdition,
    digest: string,
  ): Promise<NumberedEdition> {
    const found = await this.parts.editions.byId(project, workflowId, digest);
    if (found === undefined) throw new Error(`version ${digest} of ${name} is not there`);
    return found;
  }
}

/** What was wrong, by the pointers of the request: places in a text that nobody has written say nothing. */
function refused(code: "not_overridable" | "spec_invalid", problems: readonly Problem[]): AppError {
  const placed = problems.map(({ file: _f, line: _l, column: _c, ...problem }) => problem);
  const [first] = placed;
  const more = placed.length > 1 ? ` (and ${placed.length - 1} more)` : "";
  const where = first?.pointer === undefined ? "" : `${first.pointer}: `;
  return new AppError(
    code,
    `${code === "spec_invalid" ? where : ""}${first?.detail ?? "it cannot be changed so"}${more}`,
    {
      problems: placed,
    },
  );
}
