// The port of a project's limits to their rows.
import type { SetLimitBody } from "@capstan/proto";
import type { CheckEdition } from "../http/etag.ts";

export interface LimitRow {
  readonly name: string;
  readonly capacity: number;
  readonly perMs: number | null;
  readonly used: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type LimitRemoval =
  | { readonly kind: "removed" }
  | { readonly kind: "not_found" }
  /** Deployed workflows that take of it, or attempts that hold it. */
  | { readonly kind: "used"; readonly workflows: readonly string[]; readonly held: number };

export interface LimitStore {
  list(projectId: string): Promise<readonly LimitRow[]>;
  find(projectId: string, name: string): Promise<(LimitRow & { readonly waiting: number }) | undefined>;
  /** Makes or changes it, with its audit record in the same transaction; a size that it has already changes nothing. */
  set(
    projectId: string,
    limit: SetLimitBody & { readonly name: string },
    actor: string,
    check: CheckEdition<LimitRow | undefined>,
  ): Promise<LimitRow>;
  /** Removes it where nothing uses it, with its audit record in the same transaction. */
  remove(projectId: string, name: string, actor: string, check: CheckEdition<LimitRow>): Promise<LimitRemoval>;
  /** Capacity by name, for deploys. */
  capacities(projectId: string): Promise<ReadonlyMap<string, number>>;
}
