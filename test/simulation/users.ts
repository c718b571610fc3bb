// People and programs that start and cancel runs. They use their key again when they do not know what became of it, also
// at another replica, and keep everybody to what was answered.
import type { StartOutcome } from "../../control-plane/src/commit/commit.ts";
import type { JsonObject } from "@capstan/proto";
import type { Checks } from "./checks.ts";
import type { Random } from "./random.ts";
import type { Requests } from "./requests.ts";
import type { SimDatabase } from "./sim-database.ts";
import type { World } from "./world.ts";
import type { Deployed } from "./workload.ts";

export interface UsersParts {
  readonly world: World;
  readonly random: Random;
  readonly database: SimDatabase;
  readonly requests: Requests;
  readonly workflows: readonly Deployed[];
  readonly checks: Checks;
  readonly projectId: string;
  readonly runs: number;
  readonly horizonMs: number;
}

export class Users {
  private readonly parts: UsersParts;
  private readonly runOfKey = new Map<string, string>();
  private readonly paused = new Set<string>();

  constructor(parts: UsersParts) {
    this.parts = parts;
  }

  begin(): void {
    const { random, world, runs, horizonMs, workflows } = this.parts;
    this.lookAfterPaused();
    const burst = random.chance(0.3);
    for (let i = 0; i < runs; i++) {
      const workflow = random.pick(workflows);
      const inputs = { go: random.chance(0.5) };
      const key = random.chance(0.7) ? `key ${i}` : undefined;
      const twice = key !== undefined && random.chance(0.2);
      this.parts.requests.open += twice ? 2 : 1;
      const atMs = burst ? random.between(0, 2000) : random.between(0, horizonMs * 0.8);
      world.after(atMs, () => this.start(workflow, inputs, key, random.chance(0.25)));
      if (twice) world.after(atMs + random.between(0, 50), () => this.start(workflow, inputs, key, false));
    }
  }

  private start(workflow: Deployed, inputs: { go: boolean }, key: string | undefined, cancels: boolean): void {
    const { projectId } = this.parts;
    const { document, digest, workflowId } = workflow;
    this.parts.requests.ask<StartOutcome>(
      (replica) => {
        const edition = { projectId, project: "default", workflowId, digest, document };
        const start = (kept: JsonObject) =>
          replica.commit?.start({
            edition,
            inputs,
            labels: {},
            trigger: { kind: "simulation", ...kept },
            ...(key === undefined ? {} : { idempotency: { caller: "user", key, requestSha256: "same" } }),
          });
        if (document.vars === undefined) return start({});
        const { name } = document;
        return replica.early
          ?.prepare({ edition: { ...edition, name, number: 1 } })
          .then(({ kept }) => start({ ...kept }) ?? Promise.reject(new Error("its process is gone")));
      },
      (outcome) => this.answered(outcome, key, cancels, document.concurrency !== undefined),
      // Without a key nobody can ask again.
      key !== undefined,
    );
  }

  private answered(outcome: StartOutcome, key: string | undefined, cancels: boolean, isGrouped: boolean): void {
    const { world, database, random } = this.parts;
    this.parts.requests.open--;
    if (outcome.kind === "key_reused") return world.violate("I7", `${key} was used by the same request only`);
    if ("holders" in outcome) {
      if (!isGrouped)
        world.violate("I7", `a run was refused by a group that its workflow does not have: ${outcome.kind}`);
      return;
    }
    if (outcome.kind === "unclaimed") return world.violate("I7", "a request that claims no row was refused for one");
    const { runId } = outcome;
    world.trace("answered", outcome.kind, runId);
    if (!database.runs.has(runId)) world.violate("I9", `run ${runId} was acknowledged and does not exist`);
    if (key !== undefined) {
      const known = this.runOfKey.get(key);
      if (known !== undefined && known !== runId) world.violate("I7", `${key} made run ${known} and run ${runId}`);
      this.runOfKey.set(key, runId);
    }
    if (cancels) {
      this.parts.requests.open++;
      world.after(random.chance(0.3) ? random.between(0, 500) : random.between(0, 60_000), () => this.cancel(runId));
    } else if (random.chance(0.07)) {
      this.parts.requests.open++;
      world.after(random.between(0, 30_000), () => this.pause(runId));
    } else if (random.chance(0.05)) {
      this.parts.requests.open++;
      world.after(random.between(0, 40_000), () => this.cancelTask(runId));
    }
  }

  private cancel(runId: string): void {
    const { projectId, checks, random } = this.parts;
    const force = random.chance(0.2);
    this.parts.requests.ask(
      (replica) =>
        replica.commit?.submit(projectId, runId, { kind: "cancel_run", actor: "user", reason: "enough", force }),
      (outcome) => {
        this.parts.requests.open--;
        if (outcome.kind === "accepted") checks.onCancelAccepted(runId);
        else if (outcome.kind !== "refused") this.parts.world.violate("I5", `a cancel was answered ${outcome.kind}`);
      },
      true,
    );
  }

  /** A request that was made again may pause a run that was let go on already: nobody forgets what he has paused. */
  private lookAfterPaused(): void {
    const { world, database } = this.parts;
    world.after(90_000, () => {
      for (const runId of this.paused) {
        if (database.runs.get(runId)?.state !== "paused") continue;
        this.parts.requests.open++;
        this.resume(runId);
      }
      this.lookAfterPaused();
    });
  }

  /** Pauses a run and lets it go on later. */
  private pause(runId: string): void {
    const { world, random, projectId } = this.parts;
    this.paused.add(runId);
    this.parts.requests.ask(
      (replica) => replica.commit?.submit(projectId, runId, { kind: "pause_run", actor: "user", reason: "wait" }),
      () => world.after(random.between(0, 60_000), () => this.resume(runId)),
      true,
    );
  }

  private resume(runId: string): void {
    this.parts.requests.ask(
      (replica) => replica.commit?.submit(this.parts.projectId, runId, { kind: "resume_run", actor: "user" }),
      () => {
        this.parts.requests.open--;
      },
      true,
    );
  }

  private cancelTask(runId: string): void {
    const { projectId, database, random, checks } = this.parts;
    const size = database.runs.get(runId)?.plan.graphSize ?? 1;
    const position = random.int(size);
    checks.onTaskStopped(runId, position);
    this.parts.requests.ask(
      (replica) =>
        replica.commit?.submit(projectId, runId, { kind: "cancel_task", position, actor: "user", reason: "enough" }),
      () => {
        this.parts.requests.open--;
      },
      true,
    );
  }
}
