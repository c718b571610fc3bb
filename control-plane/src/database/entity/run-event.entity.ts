import { Column, Entity, PrimaryColumn } from "typeorm";

/**
 * The events of one committed decision about a run, in order. The column `tx` (xid8, a type that TypeORM does not know)
 * is the live stream's position and read by its SQL alone.
 */
@Entity("run_events")
export class RunEventEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "run_id", type: "uuid" })
  runId!: string;

  @PrimaryColumn({ name: "first_seq", type: "integer" })
  firstSeq!: number;

  @Column({ type: "bigint", generated: "identity", generatedIdentity: "ALWAYS" })
  id!: string;

  @Column({ type: "timestamptz" })
  at!: Date;

  @Column({ type: "json" })
  items!: unknown;
}
