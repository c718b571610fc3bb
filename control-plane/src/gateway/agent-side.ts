// Everything that agents talk to, made from the stores: admission, enrolment, sessions, logs. The composition root calls
// this once and hands what it returns to Nest.
import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { Provider, Type } from "@nestjs/common";
import { ADMISSION, AgentAdmission } from "../agent/agent-admission.ts";
import { AgentController } from "../agent/agent.controller.ts";
import { AgentService } from "../agent/agent.service.ts";
import { AGENT_STORE, type AgentStore } from "../agent/agent.store.ts";
import type { JoinTokenStore } from "../agent/join-token.store.ts";
import { EnrolController } from "../agent/enrol.controller.ts";
import { EnrolService } from "../agent/enrol.service.ts";
import { AgentCredentials } from "../auth/agent-credential.ts";
import type { Site } from "../auth/site.ts";
import type { Commit } from "../commit/commit.ts";
import type { Leases } from "../dispatch/leases.ts";
import { LogController } from "../log/log.controller.ts";
import { LogIngest } from "../log/log-ingest.ts";
import type { LogReadStore } from "../log/log-read.store.ts";
import { LogReader } from "../log/log-reader.ts";
import { LogWatch } from "../log/log-watch.ts";
import type { LogStore } from "../log/log.store.ts";
import { TraceIngest, type TraceStore } from "../log/trace-ingest.ts";
import { InventoryService } from "../result/inventory.service.ts";
import type { InventoryStore } from "../result/inventory.store.ts";
import type { Log } from "../telemetry/log.ts";
import { AgentGateway, GATEWAY_PARTS, type GatewayParts } from "./agent.gateway.ts";
import { AgentSocketAdapter } from "./agent-socket.adapter.ts";
import type { SessionRegistry } from "./session-registry.ts";
import { sessionDefaults, type SessionServices, type SessionSettings } from "./services.ts";

export interface AgentSideParts {
  readonly agents: AgentStore;
  readonly inventories: InventoryStore;
  readonly logs: LogStore & TraceStore;
  readonly logReads: LogReadStore;
  readonly sessions: SessionRegistry;
  readonly commit: Commit;
  readonly reports: SessionServices["reports"];
  readonly leases: Leases;
  readonly joinTokens: JoinTokenStore;
  readonly sealKey: Buffer;
  readonly site: Pick<Site, "url" | "origins">;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Log;
  readonly settings?: Partial<SessionSettings>;
}

export interface AgentSide {
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
  readonly parts: GatewayParts;
  /** For `app.useWebSocketAdapter`, before `app.init`. */
  adapter(http: Server): AgentSocketAdapter;
}

export function makeAgentSide(given: AgentSideParts): AgentSide {
  const log = given.log.child({ component: "gateway" });
  const onError = (error: unknown): void => log.warn({ err: error }, "work for an agent failed");
  const settings = { ...sessionDefaults, ...given.settings };
  const credentials = new AgentCredentials(given.sealKey);
  const admission = new AgentAdmission(given.agents, credentials, () => given.site.url());
  const inventory = new InventoryService(given.inventories, given.commit, randomBytes(6).toString("hex"), onError);
  const watch = new LogWatch();
  const { isUnavailable } = given;
  const services: SessionServices = {
    registry: given.sessions,
    inventory,
    reports: given.reports,
    leases: given.leases,
    logs: new LogIngest(given.logs, watch, { windowBytes: settings.logWindow.attempt, isUnavailable, onError }),
    watch,
    traces: new TraceIngest(given.logs, onError),
    log,
  };
  const parts: GatewayParts = { services, settings, store: given.agents };
  return {
    parts,
    controllers: [EnrolController, AgentController, LogController],
    providers: [
      AgentGateway,
      { provide: GATEWAY_PARTS, useValue: parts },
      { provide: ADMISSION, useValue: admission },
      { provide: AGENT_STORE, useValue: given.agents },
      { provide: EnrolService, useValue: new EnrolService(given.agents, credentials, admission) },
      {
        provide: AgentService,
        useValue: new AgentService({ agents: given.agents, joinTokens: given.joinTokens, credentials, inventory }),
      },
      { provide: LogReader, useValue: new LogReader(given.logReads, watch) },
    ],
    adapter: (http) => new AgentSocketAdapter(http, admission, given.site.origins),
  };
}
