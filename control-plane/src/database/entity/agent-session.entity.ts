import { Column, Entity, PrimaryColumn } from "typeorm";

/** The session of an agent, renewed by heartbeats; its leases are counted from renewedMs (counted time). */
@Entity("agent_sessions")
export class AgentSessionEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "agent_id", type: "uuid" })
  agentId!: string;

  @Column({ type: "bigint" })
  session!: string;

  @Column({ name: "connect_no", type: "bigint" })
  connectNo!: string;

  @Column({ type: "bigint" })
  heartbeat!: string;

  @Column({ name: "renewed_ms", type: "bigint" })
  renewedMs!: string;

  @Column({ name: "boot_id", type: "text" })
  bootId!: string;

  @Column({ type: "text" })
  replica!: string;

  @Column({ type: "text" })
  state!: string;
}
