// The port of API tokens to their rows.
import type { Permission } from "@capstan/proto";
import type { Once, OnceKey } from "../http/once-key.ts";

/** A token as people see it; `id` is its public part. */
export interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly project: string;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly lastUsedAt: string | null;
}

export interface NewToken {
  readonly id: string;
  readonly sha256: Buffer;
  readonly userId: string;
  readonly name: string;
  readonly scopes: readonly Permission[];
  readonly lifeMs: number;
  readonly createdBy: string;
}

export interface ApiTokenStore {
  /** With its audit record, in one transaction. */
  create(projectId: string, token: NewToken, key: OnceKey | undefined): Promise<Once<TokenRow>>;
  /** Tokens of the project that are good, newest first. */
  ofProject(projectId: string): Promise<readonly TokenRow[]>;
  /** Tokens of one holder that are good, of the projects that are named. */
  ofUser(projectIds: readonly string[], userId: string): Promise<readonly TokenRow[]>;
  /** False where there is no such token that is good; of one holder only where one is named. With its audit record. */
  revoke(projectId: string, id: string, actor: string, userId?: string): Promise<boolean>;
  /** A service account that is a member of the project. */
  serviceAccount(projectId: string, name: string): Promise<{ readonly userId: string } | undefined>;
}
