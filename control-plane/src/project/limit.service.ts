// What people do with the limits of a project.
import { AppError, idFromUuid, type LimitDetail, type LimitView, type SetLimitBody } from "@capstan/proto";
import { namedLimitKey } from "../engine/limit.ts";
import type { LimitPicture } from "../explain/limit-picture.ts";
import { etagOf, type Precondition } from "../http/etag.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { LimitRow, LimitStore } from "./limit.store.ts";

const holdersMax = 50;
const namePattern = /^[a-z][a-z0-9_]{0,62}$/;

export class LimitService {
  private readonly store: LimitStore;
  private readonly picture: LimitPicture;

  constructor(store: LimitStore, picture: LimitPicture) {
    this.store = store;
    this.picture = picture;
  }

  async list(project: ProjectScope): Promise<LimitView[]> {
    return (await this.store.list(project.id)).map((row) => ({ ...row }));
  }

  /** @throws not_found */
  async show(project: ProjectScope, name: string): Promise<LimitDetail> {
    const row = await this.store.find(project.id, name);
    if (row === undefined) throw noLimit(project, name);
    const key = namedLimitKey(name);
    const pictured = (await this.picture.limits(project.id, [key], holdersMax)).get(key);
    return {
      ...row,
      holders: (pictured?.holders ?? []).map(({ attemptId, until, ...holder }) => ({
        ...holder,
        attempt: idFromUuid("att", attemptId),
        until: until ?? null,
      })),
    };
  }

  /** What is held stays held: a limit that is lowered drains. @throws malformed precondition_required precondition_failed */
  async set(
    project: ProjectScope,
    limit: SetLimitBody & { readonly name: string },
    actor: string,
    precondition: Precondition,
  ): Promise<LimitView> {
    const { name } = limit;
    if (!namePattern.test(name)) {
      throw new AppError(
        "malformed",
        `${JSON.stringify(name.slice(0, 100))} is no name of a limit; write ${namePattern.source}`,
      );
    }
    return this.store.set(project.id, limit, actor, (current) =>
      precondition.check(`the limit ${name}`, current && limitTag(current)),
    );
  }

  /** @throws not_found in_use precondition_required precondition_failed */
  async remove(project: ProjectScope, name: string, actor: string, precondition: Precondition): Promise<void> {
    const removal = await this.store.remove(project.id, name, actor, (current) =>
      precondition.check(`the limit ${name}`, limitTag(current)),
    );
    if (removal.kind === "not_found") throw noLimit(project, name);
    if (removal.kind === "removed") return;
    const { workflows, held } = removal;
    const why =
      workflows.length > 0
        ? `deployed workflows take of it: ${workflows.slice(0, 5).join(", ")}${workflows.length > 5 ? " …" : ""}`
        : `attempts hold it: ${held}`;
    throw new AppError("in_use", `The limit ${name} cannot be removed; ${why}.`, {
      evidence: { workflows: [...workflows], held },
    });
  }
}

/** Of what is set; what is used of it changes by itself. */
export const limitTag = ({
  name,
  capacity,
  perMs,
  updatedAt,
}: Pick<LimitRow, "name" | "capacity" | "perMs" | "updatedAt">) => etagOf([name, capacity, perMs, updatedAt]);

const noLimit = (project: ProjectScope, name: string): AppError =>
  new AppError("not_found", `There is no limit ${name} in project ${project.name}.`);
