// Join tokens as people make, see and take them back. That one is used is the enrolment's part (agent.store.ts).
import type { JoinTokenView } from "@capstan/proto";
import type { Once, OnceKey } from "../http/once-key.ts";

export interface NewJoinToken {
  readonly id: string;
  readonly publicId: string;
  readonly pool: string;
  readonly sealedKey: Buffer;
  readonly usesMax: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly cidr: string | undefined;
  readonly approve: boolean;
  readonly expiresInMs: number;
  readonly createdBy: string;
}

/** Changes are written together with their audit records. */
export interface JoinTokenStore {
  /**
   * `taken_back`: the one that was made for this key is there no more. `no_pool`: there is none of that name.
   * @throws idempotency_key_reused
   */
  create(
    projectId: string,
    token: NewJoinToken,
    key: OnceKey | undefined,
  ): Promise<Once<JoinTokenView | "taken_back" | "no_pool">>;
  /** Those that may still be used; undefined where there is no such pool. */
  list(projectId: string, pool: string): Promise<JoinTokenView[] | undefined>;
  /** False where there is none. */
  remove(projectId: string, pool: string, publicId: string, actor: string): Promise<boolean>;
}
