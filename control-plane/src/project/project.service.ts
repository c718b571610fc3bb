// What people do with a project itself.
import { AppError, idFromUuid, type ChangeProjectBody, type ProjectDetail } from "@capstan/proto";
import { etagOf, type Precondition } from "../http/etag.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { DescribedProject, ProjectStore } from "./project.store.ts";

/** A project with its tag. */
interface TaggedProject {
  readonly project: ProjectDetail;
  readonly tag: string;
}

export class ProjectService {
  private readonly store: ProjectStore;

  constructor(store: ProjectStore) {
    this.store = store;
  }

  /** @throws not_found */
  async show(project: ProjectScope): Promise<TaggedProject> {
    return seenBy(project, await this.store.find(project.id));
  }

  /** @throws not_found precondition_required precondition_failed */
  async change(
    project: ProjectScope,
    change: ChangeProjectBody,
    actor: string,
    precondition: Precondition,
  ): Promise<TaggedProject> {
    const changed = await this.store.change(project.id, change, actor, (current) =>
      precondition.check(`the project ${project.name}`, tagOf(current)),
    );
    return seenBy(project, changed);
  }
}

/** Of what people change about it; the role is that of whoever asks. */
const tagOf = ({ name, description }: DescribedProject): string => etagOf([name, description]);

function seenBy({ name, role }: ProjectScope, found: DescribedProject | undefined): TaggedProject {
  if (found === undefined) throw new AppError("not_found", `There is no project ${name} that you may see.`);
  const { id, createdMs, description } = found;
  const createdAt = new Date(createdMs).toISOString();
  return { project: { id: idFromUuid("prj", id), name: found.name, createdAt, role, description }, tag: tagOf(found) };
}
