// The port of people's sign-in to its rows. Each change and its audit record are one transaction.
import type { UserRow } from "./auth.store.ts";

/** A session to be opened. */
export interface NewSession {
  readonly tokenHash: Buffer;
  readonly kind: "browser" | "cli";
  readonly lifeMs: number;
  /** When the person last proved who they are; undefined: just now. */
  readonly provedMs: number | undefined;
  /** The browser's session until now, which ends. */
  readonly replaces: Buffer | undefined;
}

export interface OpenedSession {
  readonly user: UserRow;
  readonly expiresMs: number;
}

export interface IdentifiedPerson {
  readonly issuer: string;
  readonly subject: string;
  /** What a new user is called, with a number behind it where somebody else is called so. */
  readonly name: string;
  /** Roles that the person's groups give, at most one in a project, by the project's name. */
  readonly roles: ReadonlyMap<string, string>;
  /** Undefined: groups say nothing about that. */
  readonly systemAdmin: boolean | undefined;
}

export interface Flow {
  readonly returnTo: string;
  readonly fresh: boolean;
  readonly startedMs: number;
}

export interface SignInStore {
  openFlow(
    browserHash: Buffer,
    flow: { readonly returnTo: string; readonly fresh: boolean },
    lifeMs: number,
  ): Promise<void>;
  /** Uses a flow up; undefined where there is none, or none any more. */
  takeFlow(browserHash: Buffer): Promise<Flow | undefined>;
  /** Finds the user of an identity or makes one, sets what its groups say, opens a session. Undefined: disabled. */
  signInByIdentity(person: IdentifiedPerson, session: NewSession): Promise<OpenedSession | undefined>;
}
