// The port of projects themselves to their rows.
import type { ChangeProjectBody } from "@capstan/proto";
import type { ProjectRow } from "../auth/auth.store.ts";
import type { CheckEdition } from "../http/etag.ts";

export interface DescribedProject extends ProjectRow {
  readonly description: string;
}

export interface ProjectStore {
  find(projectId: string): Promise<DescribedProject | undefined>;
  /** One transaction with its audit record; what is so already changes nothing. Undefined where it is not there. */
  change(
    projectId: string,
    change: ChangeProjectBody,
    actor: string,
    check: CheckEdition<DescribedProject>,
  ): Promise<DescribedProject | undefined>;
}
