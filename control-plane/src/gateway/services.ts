// What sessions hand their frames to.
import type { ReportItem } from "@capstan/proto";
import type { Leases } from "../dispatch/leases.ts";
import type { LogIngest } from "../log/log-ingest.ts";
import type { TraceIngest } from "../log/trace-ingest.ts";
import type { LogWatch } from "../log/log-watch.ts";
import type { InventoryService } from "../result/inventory.service.ts";
import type { ReportAnswer, ReportingSession } from "../result/report.service.ts";
import type { Log } from "../telemetry/log.ts";
import type { SessionRegistry } from "./session-registry.ts";

export interface SessionServices {
  readonly registry: SessionRegistry;
  readonly inventory: InventoryService;
  readonly reports: {
    apply(session: ReportingSession, items: readonly ReportItem[]): Promise<readonly ReportAnswer[]>;
  };
  readonly leases: Leases;
  readonly logs: LogIngest;
  readonly watch: LogWatch;
  readonly traces: TraceIngest;
  readonly log: Log;
}

export interface SessionSettings {
  readonly heartbeatMs: number;
  readonly logWindow: { readonly attempt: number; readonly connection: number };
  readonly logFlushMs: number;
  /** Age at which a session is asked to connect anew. */
  readonly ageMs: number;
}

/** What agents get in `welcome` (docs/protocol.md, "Session settings"). */
export const sessionDefaults: SessionSettings = {
  heartbeatMs: 10_000,
  logWindow: { attempt: 1024 * 1024, connection: 8 * 1024 * 1024 },
  logFlushMs: 1000,
  ageMs: 3_600_000,
};

/** A socket as sessions use it. */
export interface Link {
  readonly bufferedBytes: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}
