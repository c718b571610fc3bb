import { Column, Entity, PrimaryColumn } from "typeorm";

/** An attempt that an agent may be executing. */
@Entity("live_attempts")
export class LiveAttemptEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "agent_id", type: "uuid" })
  agentId!: string;

  @PrimaryColumn({ name: "attempt_id", type: "uuid" })
  attemptId!: string;

  @Column({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ type: "integer" })
  position!: number;

  @Column({ type: "integer" })
  number!: number;

  @Column({ type: "bigint" })
  epoch!: string;

  @Column({ type: "bigint" })
  session!: string;

  @Column({ type: "bigint" })
  seq!: string;

  @Column({ name: "lease_ms", type: "bigint" })
  leaseMs!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ name: "offered_at", type: "timestamptz" })
  offeredAt!: Date;

  @Column({ name: "started_at", type: "timestamptz", nullable: true })
  startedAt!: Date | null;

  @Column({ name: "backstop_at", type: "timestamptz", nullable: true })
  backstopAt!: Date | null;
}
