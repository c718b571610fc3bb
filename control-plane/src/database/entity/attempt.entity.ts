import { Column, Entity, PrimaryColumn } from "typeorm";

/** One try of one task run on one agent. */
@Entity("attempts")
export class AttemptEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ type: "integer" })
  position!: number;

  @Column({ type: "integer" })
  number!: number;

  @Column({ type: "bigint" })
  epoch!: string;

  @Column({ name: "agent_id", type: "uuid" })
  agentId!: string;

  @Column({ type: "bigint" })
  session!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ name: "offered_at", type: "timestamptz" })
  offeredAt!: Date;

  @Column({ name: "started_at", type: "timestamptz", nullable: true })
  startedAt!: Date | null;

  @Column({ name: "ended_at", type: "timestamptz", nullable: true })
  endedAt!: Date | null;

  @Column({ type: "jsonb", nullable: true })
  failure!: unknown;

  @Column({ type: "jsonb", nullable: true })
  result!: unknown;
}
