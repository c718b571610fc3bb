import { Controller, Inject } from "@nestjs/common";
import {
  idFromUuid,
  permissionsOf,
  protocolRange,
  type Me,
  type ProjectDetail,
  type ProjectView,
  type Role,
  type RouteResponse,
  type ServerVersion,
} from "@capstan/proto";
import { AuthService } from "../auth/auth.service.ts";
import type { ProjectRow } from "../auth/auth.store.ts";
import { Call, type CallOf } from "../http/call.ts";
import { tagged } from "../http/etag.ts";
import { Handles } from "../http/handle.ts";
import { onceKeyOf } from "../http/once-key.ts";
import { openApiDocument } from "../http/openapi.ts";
import { MemberService } from "./member.service.ts";
import { ProjectService } from "./project.service.ts";
import { RELEASE, type Release } from "./release.ts";

@Controller()
export class ProjectController {
  private readonly auth: AuthService;
  private readonly members: MemberService;
  private readonly settings: ProjectService;
  private readonly release: Release;
  private contract: string | undefined;

  constructor(
    @Inject(AuthService) auth: AuthService,
    @Inject(MemberService) members: MemberService,
    @Inject(ProjectService) settings: ProjectService,
    @Inject(RELEASE) release: Release,
  ) {
    this.auth = auth;
    this.members = members;
    this.settings = settings;
    this.release = release;
  }

  @Handles("me")
  async me(@Call("me") { principal }: CallOf<"me">): Promise<Me> {
    const projects = await this.auth.projects(principal);
    return {
      user: { id: principal.userId, name: principal.name, kind: principal.kind, systemAdmin: principal.systemAdmin },
      projects: projects.map(({ name, role }) => ({
        name,
        role,
        permissions: permissionsOf(role).filter((permission) => principal.grant?.scopes.has(permission) !== false),
      })),
      expiresAt: principal.expiresMs === undefined ? null : new Date(principal.expiresMs).toISOString(),
    };
  }

  @Handles("version")
  version(): ServerVersion {
    return {
      version: this.release.version,
      api: "v1",
      protocol: { ...protocolRange },
      schema: this.release.schema,
      node: process.versions.node,
      startedAt: this.release.startedAt,
    };
  }

  @Handles("openapi")
  openApi(@Call("openapi") { reply }: CallOf<"openapi">): void {
    this.contract ??= JSON.stringify(openApiDocument(this.release.version));
    void reply.header("content-type", "application/json").send(this.contract);
  }

  @Handles("projectList")
  async projects(@Call("projectList") { principal }: CallOf<"projectList">): Promise<RouteResponse<"projectList">> {
    const projects = await this.auth.projects(principal);
    return { data: projects.map(projectView), nextCursor: null };
  }

  @Handles("projectCreate")
  async create(@Call("projectCreate") call: CallOf<"projectCreate">): Promise<ProjectView> {
    const { value, isReplayed } = await this.members.createProject(
      call.body,
      call.principal,
      onceKeyOf("projectCreate", call),
    );
    if (isReplayed) void call.reply.header("idempotency-replayed", "true");
    return projectView(value);
  }

  @Handles("projectGet")
  async show(@Call("projectGet") call: CallOf<"projectGet">): Promise<ProjectDetail | undefined> {
    const { project, tag } = await this.settings.show(call.project);
    return tagged("projectGet", call, tag, project);
  }

  @Handles("projectChange")
  async change(@Call("projectChange") call: CallOf<"projectChange">): Promise<ProjectDetail | undefined> {
    const { project, tag } = await this.settings.change(call.project, call.body, call.actor, call.precondition);
    return tagged("projectChange", call, tag, project);
  }
}

const projectView = ({ id, name, role, createdMs }: ProjectRow & { readonly role: Role }): ProjectView => ({
  id: idFromUuid("prj", id),
  name,
  role,
  createdAt: new Date(createdMs).toISOString(),
});
