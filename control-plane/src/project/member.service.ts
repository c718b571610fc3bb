// Projects and who may do what in them.
import { randomBytes } from "node:crypto";
import {
  AppError,
  uuidV7,
  type CreateProjectBody,
  type MemberView,
  type Role,
  type ServiceAccountBody,
  type SetMemberBody,
} from "@capstan/proto";
import type { AuthService } from "../auth/auth.service.ts";
import type { ProjectRow } from "../auth/auth.store.ts";
import { actorOf } from "../http/call.ts";
import { etagOf, type Precondition } from "../http/etag.ts";
import type { Once, OnceKey } from "../http/once-key.ts";
import { isMachine, type Principal, type ProjectScope } from "../http/request-context.ts";
import type { MemberChange, MemberRow, MemberStore } from "./member.store.ts";

export class MemberService {
  private readonly store: MemberStore;
  private readonly auth: Pick<AuthService, "forget">;

  constructor(store: MemberStore, auth: Pick<AuthService, "forget">) {
    this.store = store;
    this.auth = auth;
  }

  /** @throws state_conflict where the name is taken */
  async createProject(
    { name }: CreateProjectBody,
    principal: Principal,
    key: OnceKey | undefined,
  ): Promise<Once<ProjectRow & { readonly role: Role }>> {
    const made = await this.store.createProject(
      { id: newId(), name, poolId: newId() },
      { userId: principal.userId, actor: actorOf(principal), isMember: !isMachine(principal) },
      key,
    );
    if (made.value === undefined) throw taken("project", name);
    this.auth.forget();
    return { value: { ...made.value, role: "project_admin" }, isReplayed: made.isReplayed };
  }

  async list(project: ProjectScope): Promise<MemberView[]> {
    return (await this.store.members(project.id)).map(memberView);
  }

  /** @throws not_found */
  async show(project: ProjectScope, user: string): Promise<MemberView> {
    const found = await this.store.member(project.id, user);
    if (found === undefined) throw new AppError("not_found", `${user} is no member of ${project.name}.`);
    return memberView(found);
  }

  /** @throws not_found state_conflict precondition_required precondition_failed */
  async set(
    project: ProjectScope,
    member: SetMemberBody & { readonly user: string },
    actor: string,
    precondition: Precondition,
  ): Promise<MemberView> {
    const { user } = member;
    const change = await this.store.setRole(project.id, member, actor, (current) =>
      precondition.check(`the member ${user}`, current && memberTag(current)),
    );
    return memberView(this.changed(change, project, user));
  }

  /** @throws not_found state_conflict precondition_required precondition_failed */
  async remove(project: ProjectScope, user: string, actor: string, precondition: Precondition): Promise<void> {
    const change = await this.store.remove(project.id, user, actor, (current) =>
      precondition.check(`the member ${user}`, memberTag(current)),
    );
    this.changed(change, project, user);
  }

  /** @throws state_conflict where the name is taken */
  async createService(
    project: ProjectScope,
    { name, role }: ServiceAccountBody,
    actor: string,
    key: OnceKey | undefined,
  ): Promise<Once<MemberView>> {
    const made = await this.store.createService(project.id, { userId: newId(), name, role }, actor, key);
    if (made.value === undefined) throw taken("account", name);
    this.auth.forget();
    return { value: memberView(made.value), isReplayed: made.isReplayed };
  }

  private changed(change: MemberChange, project: ProjectScope, user: string): MemberRow {
    switch (change.kind) {
      case "changed":
        this.auth.forget();
        return change.member;
      case "no_user":
        throw new AppError("not_found", `There is no user ${user} that could be a member of ${project.name}.`);
      case "last_admin":
        throw new AppError(
          "state_conflict",
          `${user} is the only project_admin of ${project.name}; make another member project_admin first.`,
        );
    }
  }
}

const newId = (): string => uuidV7(Date.now(), randomBytes(10));

const memberView = ({ user, kind, role, disabled, createdAt }: MemberRow): MemberView => ({
  user,
  kind,
  role,
  disabled,
  createdAt,
});

/** Of all that is shown of a member. */
export const memberTag = ({ user, kind, role, disabled, createdAt }: MemberView): string =>
  etagOf([user, kind, role, disabled, createdAt]);

const taken = (what: string, name: string): AppError =>
  new AppError(
    "state_conflict",
    `There is a${what === "account" ? "n" : ""} ${what} ${name} already; choose another name.`,
  );
