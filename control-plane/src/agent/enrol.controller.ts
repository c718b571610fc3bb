// What agents ask over HTTP. Each request proves itself: enrolment by its MAC, the others by an assertion.
import { constants, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Controller, Get, HttpCode, Inject, Post, Put, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  AppError,
  attemptHeader,
  enrolRequestSchema,
  uuidFromId,
  type EnrolAnswer,
  type NonceAnswer,
} from "@capstan/proto";
import { AuthBudget } from "./auth-budget.ts";
import { parse } from "../http/call.ts";
import { OwnProof } from "../http/handle.ts";
import type { AgentIdentity } from "../gateway/agent-identity.ts";
import { receive } from "../workflow/receive.ts";
import { STORE_PATHS, type StorePaths } from "../workflow/store-paths.ts";
import { ADMISSION, type AgentAdmission } from "./agent-admission.ts";
import { AGENT_STORE, type AgentStore } from "./agent.store.ts";
import { EnrolService } from "./enrol.service.ts";
import { peerAddress } from "../http/peer.ts";

const fileBytesMax = 5 * 1024 ** 3;

@Controller()
export class EnrolController {
  private readonly enrolments: EnrolService;
  private readonly admission: AgentAdmission;
  private readonly store: AgentStore;
  private readonly paths: StorePaths;
  private readonly failures = new AuthBudget(10, 60_000);

  constructor(
    @Inject(EnrolService) enrolments: EnrolService,
    @Inject(ADMISSION) admission: AgentAdmission,
    @Inject(AGENT_STORE) store: AgentStore,
    @Inject(STORE_PATHS) paths: StorePaths,
  ) {
    this.enrolments = enrolments;
    this.admission = admission;
    this.store = store;
    this.paths = paths;
  }

  @Get("agent/v1/nonce")
  @OwnProof()
  nonce(): Promise<NonceAnswer> {
    return this.enrolments.nonce();
  }

  @Post("agent/v1/enrol")
  @HttpCode(200)
  @OwnProof()
  async enrol(@Req() request: FastifyRequest): Promise<EnrolAnswer> {
    const address = peerAddress(request);
    this.failures.check(address);
    const body = parse(enrolRequestSchema, request.body, "") as ReturnType<typeof enrolRequestSchema.parse>; // by the schema
    try {
      return await this.enrolments.enrol(body, address);
    } catch (error) {
      this.failures.failed(address);
      throw error;
    }
  }

  @Get("agent/v1/specs/:digest")
  @OwnProof()
  async spec(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const agent = await this.admitted(request);
    const digest = paramOf(request, "digest");
    const found = await this.store.spec(agent.projectId, digest);
    if (found === undefined) throw new AppError("not_found", `There is no workflow version ${digest}.`);
    const bundle = found.bundle === undefined ? "" : `,"bundle":"${found.bundle}"`;
    // The document is sent as it is stored, so that its digest stays what it is.
    await reply.type("application/json").send(`{"digest":"${digest}","document":${found.canonical}${bundle}}`);
  }

  @Get("agent/v1/bundles/:sha256")
  @OwnProof()
  async bundle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const agent = await this.admitted(request);
    const sha256 = paramOf(request, "sha256");
    if (!(await this.store.hasBundle(agent.projectId, sha256)))
      throw new AppError("not_found", `There is no bundle ${sha256}.`);
    await sendFile(reply, this.paths.bundle(agent.projectId, sha256));
  }

  @Get("agent/v1/files/:sha256")
  @OwnProof()
  async file(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const agent = await this.admitted(request);
    const sha256 = paramOf(request, "sha256");
    await this.mustHaveAttempt(agent, request);
    if (!(await this.store.hasFile(agent.projectId, sha256)))
      throw new AppError("not_found", `There is no file ${sha256}.`);
    await sendFile(reply, this.paths.file(agent.projectId, sha256));
  }

  @Put("agent/v1/files/:sha256")
  @HttpCode(204)
  @OwnProof()
  async putFile(@Req() request: FastifyRequest): Promise<void> {
    const agent = await this.admitted(request);
    const sha256 = paramOf(request, "sha256");
    await this.mustHaveAttempt(agent, request);
    const source = request.body as Readable | undefined; // the parser of application/octet-stream passes the stream on
    if (source === undefined || source === null)
      throw new AppError("media_type_refused", "the body must be application/octet-stream");
    const { sizeBytes } = await receive(source, this.paths.file(agent.projectId, sha256), {
      sha256,
      bytesMax: fileBytesMax,
    });
    await this.store.addFile(agent.projectId, sha256, sizeBytes);
  }

  private async admitted(request: FastifyRequest): Promise<AgentIdentity> {
    if (request.headers.origin !== undefined) throw new AppError("origin_refused", "Agents send no Origin header.");
    const path = request.url.split("?", 1)[0] ?? "";
    const agent = await this.admission.admit({
      authorization: request.headers.authorization,
      method: request.method,
      path,
    });
    if (agent.state === "pending" || agent.state === "suspended") {
      throw new AppError("assertion_invalid", `the agent ${agent.name} is ${agent.state}`);
    }
    return agent;
  }

  /** Files move only for an attempt that this agent holds now. */
  private async mustHaveAttempt(agent: AgentIdentity, request: FastifyRequest): Promise<void> {
    const header = request.headers[attemptHeader];
    const attemptId = typeof header === "string" ? uuidFromId("att", header) : undefined;
    if (attemptId !== undefined && (await this.store.isLive(agent, attemptId))) return;
    throw new AppError("not_found", `${attemptHeader} names no attempt that this agent holds.`);
  }
}

const forms: Readonly<Record<string, RegExp>> = { digest: /^sha256:[0-9a-f]{64}$/, sha256: /^[0-9a-f]{64}$/ };

function paramOf(request: FastifyRequest, name: string): string {
  const value = (request.params as Readonly<Record<string, string>>)[name] ?? ""; // the router's, by the path above
  if (forms[name]?.test(value) !== true) throw new AppError("not_found", `${name} does not have the form of one.`);
  return value;
}

async function sendFile(reply: FastifyReply, path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (handle === undefined) throw new AppError("not_found", "The bytes are not in the store any more.");
  const { size } = await handle.stat();
  await reply
    .header("content-type", "application/octet-stream")
    .header("content-length", size)
    .send(handle.createReadStream());
}
