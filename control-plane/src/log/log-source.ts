// The session that log frames come from, as log ingest sees it.
import type { ControlBody } from "@capstan/proto";

export interface LogSource {
  readonly projectId: string;
  readonly agentId: string;
  logAck(body: ControlBody<"log.ack">): void;
  logNack(body: ControlBody<"log.nack">): void;
  /** The frame named an attempt that is not this agent's. */
  unknownLog(): void;
}
