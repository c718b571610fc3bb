// What people do to a run that has not ended, beside cancelling it: pause it, let it go on, mark a task of it, try one at once.
import { AppError, runName, type Permission, type Steered } from "@capstan/proto";
import type { Audit } from "../audit/entry.ts";
import type { Commit } from "../commit/commit.ts";
import type { RunEvent } from "../engine/event.ts";
import type { Mark } from "../engine/marked.ts";
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

  /** @throws not_found state_conflict */
  retryNow(project: ProjectScope, run: string, key: string, actor: string): Promise<Steered> {
    return this.steerTask(project, run, key, "runs:retry", (position) => ({ kind: "retry_now", position, actor }));
  }

  /** @throws not_found state_conflict output_missing output_invalid output_too_large */
  mark(project: ProjectScope, run: string, key: string, mark: Mark): Promise<Steered> {
    return this.steerTask(project, run, key, "runs:mark", (position) => ({ kind: "mark_task", position, mark }));
  }

  private async steerTask(
    project: ProjectScope,
    run: string,
    key: string,
    action: Permission,
    event: (position: number) => Extract<RunEvent, { kind: "retry_now" | "mark_task" }>,
  ): Promise<Steered> {
    const { record, task } = await this.runs.findTask(project, run, key);
    const name = `${runName(record.workflow, record.number)}/${key}`;
    const asked = event(task.position);
    const outcome = await this.commit.submit(project.id, record.id, asked);
    if (outcome.kind === "refused") {
      throw new AppError("state_conflict", `${name}: ${outcome.detail}.`, { evidence: { state: outcome.state } });
    }
    if (outcome.kind === "invalid") {
      const code = outcome.code === "output_missing" ? "output_missing" : "output_invalid";
      throw new AppError(code, `${name} cannot be marked as succeeded: ${outcome.detail}.`);
    }
    const already = outcome.kind === "duplicate";
    if (!already) {
      const { actor, ...detail } =
        asked.kind === "mark_task"
          ? { actor: asked.mark.actor, state: asked.mark.state, reason: asked.mark.reason }
          : { actor: asked.actor };
      await this.audit.append(project.id, { actor, action, subject: name, detail });
    }
    const { task: after } = await this.runs.findTask(project, run, key);
    return { run: name, state: after.state, already };
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
