// What people do to a run that has not ended, beside cancelling it: pause it, let it go on.
import { AppError, runName, type Permission, type Steered } from "@capstan/proto";
import type { Audit } from "../audit/entry.ts";
import type { Commit } from "../commit/commit.ts";
import type { RunEvent } from "../engine/event.ts";
import type { ProjectScope } from "../http/request-context.ts";
import type { RunService } from "./run.service.ts";

export class SteerService {
  private readonly runs: RunService;
  private readonly commit: Commit;
  private readonly audit: Audit;

  constructor(runs: RunService, commit: Commit, audit: Audit) {
    this.runs = runs;
    this.commit = commit;
    this.audit = audit;
  }

  /** @throws not_found state_conflict */
  async pause(
    project: ProjectScope,
    run: string,
    by: { readonly actor: string; readonly reason: string },
  ): Promise<Steered> {
    return this.steerRun(project, run, "paused", { kind: "pause_run", ...by });
  }

  /** @throws not_found state_conflict */
  async resume(project: ProjectScope, run: string, actor: string): Promise<Steered> {
    return this.steerRun(project, run, "resumed", { kind: "resume_run", actor });
  }

  private async steerRun(
    project: ProjectScope,
    run: string,
    done: "paused" | "resumed",
    event: Extract<RunEvent, { kind: "pause_run" | "resume_run" }>,
  ): Promise<Steered> {
    const record = await this.runs.find(project, run);
    const name = runName(record.workflow, record.number);
    const outcome = await this.commit.submit(project.id, record.id, event);
    if (outcome.kind === "refused") {
      throw new AppError("state_conflict", `${name} is ${outcome.state}; it cannot be ${done}.`, {
        evidence: { state: outcome.state },
      });
    }
    const already = outcome.kind === "duplicate";
    if (!already) {
      const action: Permission = "runs:pause";
      await this.audit.append(project.id, { actor: event.actor, action, subject: name, detail: { done } });
    }
    const { state } = await this.runs.find(project, run);
    return { run: name, state, already };
  }
}
