// The port of sign-in to its rows.
export interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly kind: "person" | "service" | "local";
  readonly systemAdmin: boolean;
}

export interface SessionRow {
  readonly user: UserRow;
  /** When its holder last proved who they are. */
  readonly createdMs: number;
  readonly expiresMs: number;
}

/** What the guard needs of an API token. */
export interface ApiTokenRow extends SessionRow {
  readonly projectId: string;
  readonly scopes: readonly string[];
}

export interface ProjectRow {
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
}

export interface AuthStore {
  localUser(): Promise<UserRow | undefined>;
  /** A session that has not ended, by the clock of the database; renews its idle time at most once a minute. */
  session(tokenHash: Buffer): Promise<SessionRow | undefined>;
  /** A token that is good: not over, not revoked, its holder not disabled. Notes its use at most once a minute. */
  apiToken(tokenHash: Buffer): Promise<ApiTokenRow | undefined>;
  createLink(tokenHash: Buffer, userId: string, lifeMs: number): Promise<{ readonly expiresMs: number }>;
  /** Uses a link up and makes a session, both or neither; undefined where the link was used or its time is over. */
  exchange(linkHash: Buffer, sessionHash: Buffer, lifeMs: number): Promise<SessionRow | undefined>;
  endSession(tokenHash: Buffer): Promise<void>;
  projects(): Promise<readonly ProjectRow[]>;
  project(name: string): Promise<ProjectRow | undefined>;
  roleOf(projectId: string, userId: string): Promise<string | undefined>;
}
