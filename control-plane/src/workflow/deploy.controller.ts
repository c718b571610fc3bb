import type { Readable } from "node:stream";
import { Controller, Inject } from "@nestjs/common";
import {
  AppError,
  bundleBytesMax,
  type BundleView,
  type DeployView,
  type RouteResponse,
  type Validation,
} from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { requestHash } from "../http/request-hash.ts";
import { DeployService, type Deployed, type DeployedBy } from "./deploy.service.ts";
import { receive } from "./receive.ts";
import { STORE_PATHS, type StorePaths } from "./store-paths.ts";
import { WORKFLOW_STORE, type WorkflowStore } from "./workflow.store.ts";

@Controller()
export class DeployController {
  private readonly deploys: DeployService;
  private readonly store: WorkflowStore;
  private readonly paths: StorePaths;

  constructor(
    @Inject(DeployService) deploys: DeployService,
    @Inject(WORKFLOW_STORE) store: WorkflowStore,
    @Inject(STORE_PATHS) paths: StorePaths,
  ) {
    this.deploys = deploys;
    this.store = store;
    this.paths = paths;
  }

  @Handles("validate")
  validate(@Call("validate") { body }: CallOf<"validate">): Validation {
    return this.deploys.validate(body.documents);
  }

  @Handles("bundlePut")
  async putBundle(@Call("bundlePut") { project, params, request }: CallOf<"bundlePut">): Promise<BundleView> {
    const { sha256 } = params;
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw new AppError("malformed", "the last part of the path must be a SHA-256 in lower-case hex");
    const source = request.body as Readable | undefined; // the parser of application/octet-stream passes the stream on
    if (source === undefined || source === null)
      throw new AppError("media_type_refused", "the body must be application/octet-stream");
    const { sizeBytes } = await receive(source, this.paths.bundle(project.id, sha256), {
      sha256,
      bytesMax: bundleBytesMax,
    });
    const created = await this.store.addBundle(project.id, sha256, sizeBytes);
    return { sha256, sizeBytes, created };
  }

  @Handles("deployCreate")
  deploy(@Call("deployCreate") call: CallOf<"deployCreate">): Promise<DeployView> {
    return this.told(call, this.deploys.deploy(call.project, call.body, byOf(call, "deploys", call.body)));
  }

  @Handles("workflowRollback")
  rollback(@Call("workflowRollback") call: CallOf<"workflowRollback">): Promise<DeployView> {
    const { project, params, body } = call;
    const by = byOf(call, `workflows/${params.workflow}/actions/rollback`, body);
    return this.told(call, this.deploys.rollback(project, params.workflow, body, by));
  }

  @Handles("workflowDelete")
  retire(@Call("workflowDelete") { project, params, actor, precondition }: CallOf<"workflowDelete">): Promise<void> {
    return this.deploys.retire(project, params.workflow, actor, precondition);
  }

  @Handles("deployList")
  list(@Call("deployList") { project, query }: CallOf<"deployList">): Promise<RouteResponse<"deployList">> {
    return this.deploys.list(project, { limit: query.limit ?? 50, cursor: query.cursor });
  }

  private async told(call: Pick<CallOf<"deployCreate">, "reply">, work: Promise<Deployed>): Promise<DeployView> {
    const done = await work;
    if (done.replayed) void call.reply.header("idempotency-replayed", "true");
    return done.view;
  }
}

const byOf = (
  {
    project,
    actor,
    principal,
    idempotencyKey,
  }: Pick<CallOf<"deployCreate">, "project" | "actor" | "principal" | "idempotencyKey">,
  path: string,
  body: unknown,
): DeployedBy => ({
  actor,
  idempotency:
    idempotencyKey === undefined
      ? undefined
      : {
          caller: principal.userId,
          key: idempotencyKey,
          requestSha256: requestHash("POST", `${project.id}/${path}`, body),
        },
});
