import { Controller, Inject } from "@nestjs/common";
import type { AuditHead, RouteResponse } from "@capstan/proto";
import { Call, type CallOf } from "../http/call.ts";
import { makeCursor, readCursor } from "../http/cursor.ts";
import { Handles } from "../http/handle.ts";
import { installationId } from "./entry.ts";
import { AUDIT_READER, type AuditFilter, type AuditReader } from "./audit-reader.ts";

@Controller()
export class AuditController {
  private readonly reader: AuditReader;

  constructor(@Inject(AUDIT_READER) reader: AuditReader) {
    this.reader = reader;
  }

  @Handles("auditList")
  list(@Call("auditList") { project, query }: CallOf<"auditList">): Promise<RouteResponse<"auditList">> {
    return this.page(project.id, query);
  }

  @Handles("auditHead")
  head(@Call("auditHead") { project }: CallOf<"auditHead">): Promise<AuditHead> {
    return this.reader.head(project.id);
  }

  @Handles("systemAuditList")
  systemList(@Call("systemAuditList") { query }: CallOf<"systemAuditList">): Promise<RouteResponse<"systemAuditList">> {
    return this.page(installationId, query);
  }

  @Handles("systemAuditHead")
  systemHead(): Promise<AuditHead> {
    return this.reader.head(installationId);
  }

  private async page(chain: string, query: CallOf<"auditList">["query"]): Promise<RouteResponse<"auditList">> {
    const { actor, action, since, order = "desc", limit = 50, cursor } = query;
    const bound = [chain, actor ?? null, action ?? null, since ?? null, order];
    const from = cursor === undefined ? undefined : Number(readCursor(bound, cursor, 1)[0]);
    const filter: AuditFilter = { actor, action, since, order, from, limit: limit + 1 };
    const found = await this.reader.list(chain, filter);
    const data = found.slice(0, limit);
    const last = found.length > limit ? data.at(-1) : undefined;
    return {
      data,
      nextCursor: last === undefined ? null : makeCursor(bound, [last.seq]),
      ...(query.count === true ? { total: await this.reader.count(chain, filter) } : {}),
    };
  }
}
