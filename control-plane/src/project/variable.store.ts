// The port of a project's variables to their rows.
import type { VariableView } from "@capstan/proto";
import type { CheckEdition } from "../http/etag.ts";

export type VariableRemoval =
  | { readonly kind: "removed" }
  | { readonly kind: "not_found" }
  | { readonly kind: "used"; readonly workflows: readonly string[] };

export interface VariableStore {
  list(projectId: string): Promise<readonly VariableView[]>;
  find(projectId: string, name: string): Promise<VariableView | undefined>;
  /** Makes or changes it, with its audit record in the same transaction; a value that it has already changes nothing. */
  set(
    projectId: string,
    variable: { readonly name: string; readonly value: string },
    actor: string,
    check: CheckEdition<VariableView | undefined>,
  ): Promise<VariableView>;
  /** Removes it where no deployed workflow reads it, with its audit record in the same transaction. */
  remove(projectId: string, name: string, actor: string, check: CheckEdition<VariableView>): Promise<VariableRemoval>;
  /** Names of all, for deploys. */
  names(projectId: string): Promise<ReadonlySet<string>>;
}
