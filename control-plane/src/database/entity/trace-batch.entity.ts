import { Column, Entity, PrimaryColumn } from "typeorm";

/** OTLP of an agent, as it came. */
@Entity("trace_batches")
export class TraceBatchEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "agent_id", type: "uuid" })
  agentId!: string;

  @PrimaryColumn({ type: "bigint" })
  sequence!: string;

  @Column({ name: "attempt_id", type: "uuid", nullable: true })
  attemptId!: string | null;

  @Column({ type: "smallint" })
  signal!: number;

  @Column({ type: "smallint" })
  encoding!: number;

  @Column({ type: "smallint" })
  codec!: number;

  @Column({ type: "bytea" })
  payload!: Buffer;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
