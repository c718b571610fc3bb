import { Column, Entity, PrimaryColumn } from "typeorm";

/** A value of a backfill that something has been done for, and what came of it. */
@Entity("backfill_runs")
export class BackfillRunEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "backfill_id", type: "uuid" })
  backfillId!: string;

  @PrimaryColumn({ type: "integer" })
  ordinal!: number;

  @Column({ type: "bigint" })
  at!: string;

  @Column({ name: "run_id", type: "uuid", nullable: true })
  runId!: string | null;

  @Column({ type: "text", nullable: true })
  outcome!: string | null;

  @Column({ type: "text", nullable: true })
  code!: string | null;

  @Column({ type: "text", nullable: true })
  detail!: string | null;
}
