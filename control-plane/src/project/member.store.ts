// The port of projects and their members to their rows. Each change is one transaction with its audit record.
import type { MemberView, Role } from "@capstan/proto";
import type { ProjectRow } from "../auth/auth.store.ts";
import type { CheckEdition } from "../http/etag.ts";
import type { Once, OnceKey } from "../http/once-key.ts";

export interface MemberRow extends Omit<MemberView, "role"> {
  readonly userId: string;
  readonly role: Role;
}

export type MemberChange =
  | { readonly kind: "changed"; readonly member: MemberRow }
  | { readonly kind: "no_user" }
  /** The project would be left without anybody who may change its members. */
  | { readonly kind: "last_admin" };

export interface MemberStore {
  /** Undefined where the name is taken. Makes the pool `default` too, and the caller its project_admin. */
  createProject(
    project: { readonly id: string; readonly name: string; readonly poolId: string },
    by: { readonly userId: string; readonly actor: string; readonly isMember: boolean },
    key: OnceKey | undefined,
  ): Promise<Once<ProjectRow | undefined>>;
  members(projectId: string): Promise<readonly MemberRow[]>;
  member(projectId: string, user: string): Promise<MemberRow | undefined>;
  /** A role that the member was given already changes nothing. */
  setRole(
    projectId: string,
    member: { readonly user: string; readonly role: Role },
    actor: string,
    check: CheckEdition<MemberRow | undefined>,
  ): Promise<MemberChange>;
  /** Takes the member out and revokes its tokens of the project. */
  remove(projectId: string, user: string, actor: string, check: CheckEdition<MemberRow>): Promise<MemberChange>;
  /** Undefined where the name is taken. */
  createService(
    projectId: string,
    account: { readonly userId: string; readonly name: string; readonly role: Role },
    actor: string,
    key: OnceKey | undefined,
  ): Promise<Once<MemberRow | undefined>>;
}
