import { Controller, Inject } from "@nestjs/common";
import type { RouteResponse } from "@capstan/proto";
import { COMMIT_SIGNALS, type CommitSignals } from "../commit/commit-signals.ts";
import { Call, type CallOf } from "../http/call.ts";
import { Handles } from "../http/handle.ts";
import { rawTypeOf, readRaw } from "../http/raw-body.ts";
import { RunEnd } from "../run/run-end.ts";
import { RunService } from "../run/run.service.ts";
import { waitOf } from "../trigger/run-request.controller.ts";
import { ReceiveService } from "./receive.service.ts";
import { peerAddress } from "../http/peer.ts";

type AnyCall = CallOf<"hookReceive" | "hookReceiveSecret">;
type Answer = RouteResponse<"hookReceive">;

/** The receiver. Who sends is proved by what is sent, so that nobody signs in here. */
@Controller()
export class HookController {
  private readonly receiver: ReceiveService;
  private readonly end: RunEnd;

  constructor(
    @Inject(ReceiveService) receiver: ReceiveService,
    @Inject(RunService) runs: RunService,
    @Inject(COMMIT_SIGNALS) signals: CommitSignals,
  ) {
    this.receiver = receiver;
    this.end = new RunEnd(runs, signals);
  }

  @Handles("hookReceive")
  plain(@Call("hookReceive") call: CallOf<"hookReceive">): Promise<Answer> {
    return this.receive(call, undefined);
  }

  @Handles("hookReceiveSecret")
  withSecret(@Call("hookReceiveSecret") call: CallOf<"hookReceiveSecret">): Promise<Answer> {
    return this.receive(call, call.params.secret);
  }

  private async receive(
    { params, query: given, request, reply }: AnyCall,
    pathSecret: string | undefined,
  ): Promise<Answer> {
    const { wait, ...query } = textsOf(given);
    const waitMs = waitOf(wait, request.headers["prefer"]);
    const body = await readRaw(request, reply);
    const {
      status,
      body: answer,
      run,
    } = await this.receiver.receive({
      project: params.project,
      workflow: params.workflow,
      trigger: params.hook,
      pathSecret,
      headers: textsOf(request.headers),
      contentType: rawTypeOf(request),
      query,
      address: peerAddress(request),
      body,
      tell: (headers) => void reply.headers(headers),
    });
    void reply.status(status);
    if (run === undefined || waitMs === 0) return answer;
    // The role says no more than where it looks: the sender is told the state of its run, and nothing else of it.
    const project = { id: run.projectId, name: params.project, role: "viewer" } as const;
    const { state, endedAt } = await this.end.wait(project, run.runId, waitMs, request.raw, false);
    if (endedAt !== null) void reply.status(200);
    return { ...answer, state };
  }
}

/** Of several values of one name: one text, with commas. */
function textsOf(values: Readonly<Record<string, string | readonly string[] | undefined>>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) texts[name] = typeof value === "string" ? value : value.join(", ");
  return texts;
}
