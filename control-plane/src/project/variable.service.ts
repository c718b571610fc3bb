// What people do with the variables of a project.
import { AppError, type VariableView } from "@capstan/proto";
import { etagOf, type Precondition } from "../http/etag.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { VariableStore } from "./variable.store.ts";

const namePattern = /^[a-z][a-z0-9_]{0,62}$/;

export class VariableService {
  private readonly store: VariableStore;

  constructor(store: VariableStore) {
    this.store = store;
  }

  async list(project: ProjectScope): Promise<VariableView[]> {
    return [...(await this.store.list(project.id))];
  }

  /** @throws not_found */
  async show(project: ProjectScope, name: string): Promise<VariableView> {
    return (await this.store.find(project.id, name)) ?? noVariable(project, name);
  }

  /**
   * Runs that have been asked for keep the value that they began with.
   * @throws malformed precondition_required precondition_failed
   */
  async set(
    project: ProjectScope,
    variable: { readonly name: string; readonly value: string },
    actor: string,
    precondition: Precondition,
  ): Promise<VariableView> {
    const { name } = variable;
    if (!namePattern.test(name)) {
      throw new AppError(
        "malformed",
        `${JSON.stringify(name.slice(0, 100))} is no name of a variable; write ${namePattern.source}`,
      );
    }
    return this.store.set(project.id, variable, actor, (current) =>
      precondition.check(`the variable ${name}`, current && variableTag(current)),
    );
  }

  /** @throws not_found in_use precondition_required precondition_failed */
  async remove(project: ProjectScope, name: string, actor: string, precondition: Precondition): Promise<void> {
    const removal = await this.store.remove(project.id, name, actor, (current) =>
      precondition.check(`the variable ${name}`, variableTag(current)),
    );
    if (removal.kind === "not_found") noVariable(project, name);
    if (removal.kind !== "used") return;
    const { workflows } = removal;
    const some = `${workflows.slice(0, 5).join(", ")}${workflows.length > 5 ? " …" : ""}`;
    throw new AppError("in_use", `The variable ${name} cannot be removed; deployed workflows read it: ${some}.`, {
      evidence: { workflows: [...workflows] },
    });
  }
}

/** Of all that is shown of it. */
export const variableTag = ({ name, value, updatedAt, updatedBy }: VariableView): string =>
  etagOf([name, value, updatedAt, updatedBy]);

function noVariable(project: ProjectScope, name: string): never {
  throw new AppError("not_found", `There is no variable ${name} in project ${project.name}.`);
}
