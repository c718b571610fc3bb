import { createReadStream } from "node:fs";
import { constants, open } from "node:fs/promises";
import { Controller, Inject } from "@nestjs/common";
import {
  AppError,
  type AttemptView,
  type Cancelled,
  type EventList,
  type OutputsView,
  type RouteResponse,
  type RunView,
  type SummaryView,
  type TaskRunView,
} from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { STORE_PATHS, type StorePaths } from "../workflow/store-paths.ts";
import { runFilter } from "./filter.ts";
import { RunService } from "./run.service.ts";

@Controller()
export class RunController {
  private readonly runs: RunService;
  private readonly paths: StorePaths;

  constructor(@Inject(RunService) runs: RunService, @Inject(STORE_PATHS) paths: StorePaths) {
    this.runs = runs;
    this.paths = paths;
  }

  @Handles("runList")
  async list(
    @Call("runList") { project, query, reply, request }: CallOf<"runList">,
  ): Promise<RouteResponse<"runList">> {
    const asked = { limit: query.limit ?? 50, cursor: query.cursor, count: query.count ?? false };
    const page = await this.runs.list(project, runFilter(query), asked, query.agent);
    if (page.nextCursor !== null) {
      const next = new URL(request.url, "http://localhost");
      next.searchParams.set("cursor", page.nextCursor);
      void reply.header("link", `<${next.pathname}${next.search}>; rel="next"`);
    }
    return page;
  }

  @Handles("runGet")
  show(@Call("runGet") { project, params }: CallOf<"runGet">): Promise<RunView> {
    return this.runs.show(project, params.run);
  }

  @Handles("runEvents")
  events(@Call("runEvents") { project, params, query }: CallOf<"runEvents">): Promise<EventList> {
    return this.runs.events(project, params.run, query.afterSeq ?? 0, query.limit ?? 500);
  }

  @Handles("taskList")
  async tasks(@Call("taskList") { project, params, query }: CallOf<"taskList">): Promise<RouteResponse<"taskList">> {
    if (query.of !== undefined) {
      const page = { limit: query.limit ?? 100, cursor: query.cursor };
      return this.runs.indexes(project, params.run, query.of, query.state, page);
    }
    const tasks = await this.runs.tasks(project, params.run, query.state);
    return { data: query.hooks === false ? tasks.filter((task) => !task.hook) : tasks, nextCursor: null };
  }

  @Handles("taskGet")
  task(@Call("taskGet") { project, params }: CallOf<"taskGet">): Promise<TaskRunView> {
    return this.runs.task(project, params.run, params.task);
  }

  @Handles("attemptList")
  async attempts(
    @Call("attemptList") { project, params }: CallOf<"attemptList">,
  ): Promise<{ data: AttemptView[]; nextCursor: null }> {
    return { data: await this.runs.attempts(project, params.run, params.task), nextCursor: null };
  }

  @Handles("outputsGet")
  outputs(@Call("outputsGet") { project, params }: CallOf<"outputsGet">): Promise<OutputsView> {
    return this.runs.outputs(project, params.run);
  }

  @Handles("summaryGet")
  summary(@Call("summaryGet") { project, params }: CallOf<"summaryGet">): Promise<SummaryView> {
    return this.runs.summary(project, params.run);
  }

  @Handles("fileGet")
  async file(@Call("fileGet") { project, params, reply }: CallOf<"fileGet">): Promise<void> {
    const file = await this.runs.file(project, params.run, params.name);
    const handle = await open(
      this.paths.file(project.id, file.sha256),
      constants.O_RDONLY | constants.O_NOFOLLOW,
    ).catch(() => undefined);
    if (handle === undefined) throw new AppError("not_found", `${params.name} is not stored here any more.`);
    const { size } = await handle.stat();
    // Untrusted bytes: never shown by a browser as a page of ours.
    void reply
      .header("content-type", "application/octet-stream")
      .header("content-disposition", `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`)
      .header("content-length", String(size))
      .header("etag", `"${file.sha256}"`)
      .send(createReadStream("", { fd: handle }));
  }

  @Handles("runCancel")
  cancel(@Call("runCancel") { project, params, body, actor }: CallOf<"runCancel">): Promise<Cancelled> {
    return this.runs.cancel(project, params.run, {
      actor,
      reason: body.reason ?? "",
      force: body.force ?? false,
      graceMs: body.graceMs,
    });
  }

  @Handles("taskSkipWait")
  skipWait(@Call("taskSkipWait") { project, params, body, actor }: CallOf<"taskSkipWait">): Promise<TaskRunView> {
    return this.runs.skipWait(project, params.run, params.task, { actor, reason: body.reason ?? "" });
  }

  @Handles("taskCancel")
  cancelTask(@Call("taskCancel") { project, params, body, actor }: CallOf<"taskCancel">): Promise<Cancelled> {
    return this.runs.cancelTask(project, params.run, params.task, { actor, reason: body.reason ?? "" });
  }
}
