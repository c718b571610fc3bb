// The port of the installation's users to their rows. Each change and its audit record are one transaction.
import type { UserView } from "@capstan/proto";
import type { NewSession, OpenedSession } from "./sign-in.store.ts";

export interface PasswordRow {
  readonly userId: string;
  readonly name: string;
  /** Undefined: the user has no password, or is disabled. */
  readonly hash: string | undefined;
}

export interface NewInvitation {
  readonly tokenHash: Buffer;
  readonly lifeMs: number;
}

export type UserChange =
  | { readonly kind: "changed"; readonly user: UserView }
  | { readonly kind: "no_user" }
  /** Nobody would be left who can administer the installation. */
  | { readonly kind: "last_admin" };

export interface UserStore {
  users(): Promise<readonly UserView[]>;
  /** Undefined: the name is taken. */
  add(
    user: { readonly name: string; readonly systemAdmin: boolean },
    invitation: NewInvitation,
    actor: string,
  ): Promise<{ readonly expiresMs: number } | undefined>;
  /** Ends earlier invitations. Undefined: there is no such person, or they are disabled. */
  invite(name: string, invitation: NewInvitation, actor: string): Promise<{ readonly expiresMs: number } | undefined>;
  setDisabled(name: string, disabled: boolean, actor: string): Promise<UserChange>;
  /** The name of whoever an invitation is for, where it can still be used. */
  invited(tokenHash: Buffer): Promise<string | undefined>;
  /** Uses an invitation up: sets the password, ends sessions and opens one. Undefined: it cannot be used any more. */
  accept(tokenHash: Buffer, passwordHash: string, session: NewSession): Promise<OpenedSession | undefined>;
  password(name: string): Promise<PasswordRow | undefined>;
  /** Undefined: the user was disabled, or the password changed, since it was read. */
  openByPassword(row: PasswordRow, session: NewSession): Promise<OpenedSession | undefined>;
  /** Keeps that a sign-in by password was refused. */
  refused(name: string | undefined, address: string): Promise<void>;
}
