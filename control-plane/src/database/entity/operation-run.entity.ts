import { Column, Entity, PrimaryColumn } from "typeorm";

/** A run that an operation is about, and what came of it. */
@Entity("operation_runs")
export class OperationRunEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "operation_id", type: "uuid" })
  operationId!: string;

  @PrimaryColumn({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ name: "claimed_until", type: "timestamptz", nullable: true })
  claimedUntil!: Date | null;

  @Column({ type: "text", nullable: true })
  outcome!: string | null;

  @Column({ type: "text", nullable: true })
  code!: string | null;

  @Column({ type: "text", nullable: true })
  detail!: string | null;
}
