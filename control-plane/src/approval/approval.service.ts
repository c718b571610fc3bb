// What waits for people, and their answers. Who may answer is the engine's decision; here it is only asked and told.
import {
  AppError,
  runName,
  taskOf,
  type ApprovalView,
  type CanonicalWorkflow,
  type Decided,
  type JsonObject,
} from "@capstan/proto";
import type { Audit } from "../audit/entry.ts";
import type { Commit } from "../commit/commit.ts";
import type { Principal, ProjectScope } from "../http/request-context.ts";
import type { RunService } from "../run/run.service.ts";
import type { WorkflowEditions } from "../workflow/editions.ts";
import type { ApprovalStore, WaitingApproval } from "./approval.store.ts";

const listMax = 200;

export interface Answer {
  readonly decision: "approved" | "rejected";
  readonly actor: string;
  readonly comment: string;
  readonly form: JsonObject;
}

export class ApprovalService {
  private readonly store: ApprovalStore;
  private readonly runs: RunService;
  private readonly editions: WorkflowEditions;
  private readonly commit: Commit;
  private readonly audit: Audit;

  constructor(store: ApprovalStore, runs: RunService, editions: WorkflowEditions, commit: Commit, audit: Audit) {
    this.store = store;
    this.runs = runs;
    this.editions = editions;
    this.commit = commit;
    this.audit = audit;
  }

  async list(project: ProjectScope, principal: Principal, actor: string): Promise<ApprovalView[]> {
    const mine = principalsOf(project, principal);
    const views: ApprovalView[] = [];
    for (const one of await this.store.waiting(project.id, listMax)) {
      const edition = await this.editions.byId(project, one.workflowId, one.digest);
      views.push(viewOf(one, edition?.document, mine, actor));
    }
    return views;
  }

  /** @throws not_found forbidden inputs_invalid state_conflict */
  async answer(
    project: ProjectScope,
    run: string,
    key: string,
    principal: Principal,
    answer: Answer,
  ): Promise<Decided> {
    const { record, task } = await this.runs.findTask(project, run, key);
    const name = runName(record.workflow, record.number);
    const subject = `${name}/${key}`;
    const outcome = await this.commit.submit(project.id, record.id, {
      kind: "decide",
      position: task.position,
      principals: principalsOf(project, principal),
      ...answer,
    });
    switch (outcome.kind) {
      case "forbidden":
        throw new AppError("forbidden", `You may not answer ${subject}: ${outcome.detail}.`);
      case "invalid":
        throw new AppError("inputs_invalid", outcome.detail, {
          problems: (outcome.problems ?? []).map((problem) => ({ ...problem, pointer: `/form${problem.pointer}` })),
        });
      case "refused":
        if (isRepeat(task.outputs, answer)) return { run: name, task: key, state: task.state, already: true };
        throw new AppError("state_conflict", `${subject} is ${outcome.state} and waits for no answer.`, {
          evidence: { state: outcome.state },
        });
      case "accepted":
        await this.audit.append(project.id, {
          actor: answer.actor,
          action: "approvals:decide",
          subject,
          detail: { decision: answer.decision, comment: answer.comment },
        });
        break;
      default:
        break;
    }
    const { task: after } = await this.runs.findTask(project, run, key);
    return { run: name, task: key, state: after.state, already: outcome.kind === "duplicate" };
  }
}

/** What a person may answer as. */
const principalsOf = (project: ProjectScope, principal: Principal): readonly string[] => [
  `user:${principal.name}`,
  `role:${project.role}`,
];

const isRepeat = (outputs: JsonObject | null, { decision, actor }: Answer): boolean =>
  outputs?.["decision"] === decision && String(outputs["by"]).split(", ").includes(actor);

function viewOf(
  one: WaitingApproval,
  document: CanonicalWorkflow | undefined,
  mine: readonly string[],
  actor: string,
): ApprovalView {
  const action = document === undefined ? undefined : taskOf(document, one.key)?.action;
  const approval = action !== undefined && "approval" in action ? action.approval : undefined;
  const { title, message } = one.evidence;
  // Of outputs that are to leave their class, the question itself says who is asked.
  const asked = one.evidence["from"];
  const from = approval?.from ?? (Array.isArray(asked) ? asked.map(String) : []);
  const mayStarter = approval?.allowStarter !== false || one.trigger["actor"] !== actor;
  return {
    run: runName(one.workflow, one.number),
    task: one.key,
    title: typeof title === "string" ? title : one.key,
    message: typeof message === "string" ? message : "",
    from: [...from],
    need: approval?.need ?? 1,
    approvedBy: [...one.approved],
    form: structuredClone(approval?.form ?? {}) as ApprovalView["form"], // JSON; the schema's type is not readonly
    requestedAt: one.requested,
    expiresAt: one.expires ?? null,
    mine: mayStarter && !one.approved.includes(actor) && from.some((name) => mine.includes(name)),
  };
}
