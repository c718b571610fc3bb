// Plans of the editions that this replica has started runs of, and new runs made from requests.
import { defaultPriority } from "@capstan/proto";
import { orderOfRun } from "../engine/order.ts";
import { compilePlan, type Plan } from "../engine/plan.ts";
import type { NewRun } from "../engine/run-machine.ts";
import type { StartRun, WorkflowEdition } from "./commit.ts";
import type { CommitStore } from "./commit.store.ts";

export class Plans {
  private readonly plans = new Map<string, Plan>();
  private readonly store: Pick<CommitStore, "remember">;

  constructor(store: Pick<CommitStore, "remember">) {
    this.store = store;
  }

  newRun(request: StartRun): NewRun {
    const { edition, inputs, labels, trigger, runId, number, createdMs, deadlineMs, paused } = request;
    const order = orderOfRun(edition.document, request);
    return {
      projectId: edition.projectId,
      project: edition.project,
      workflowId: edition.workflowId,
      plan: this.planOf(edition),
      inputs,
      labels,
      trigger,
      runId,
      number,
      createdMs,
      deadlineMs,
      paused,
      ...(request.again === undefined ? {} : { again: request.again }),
      priority: order.kind === "order" ? order.priority : defaultPriority,
    };
  }

  private planOf(edition: WorkflowEdition): Plan {
    let plan = this.plans.get(edition.digest);
    if (plan === undefined) {
      plan = compilePlan(edition.digest, edition.document);
      this.plans.set(edition.digest, plan);
      this.store.remember(edition);
    }
    return plan;
  }
}
