import { Column, Entity, PrimaryColumn } from "typeorm";

/** What a live attempt holds of a limit, or what a start took of a rate. */
@Entity("limit_holds")
export class LimitHoldEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "attempt_id", type: "uuid" })
  attemptId!: string;

  @PrimaryColumn({ name: "limit_key", type: "text" })
  limitKey!: string;

  @Column({ name: "run_id", type: "uuid" })
  runId!: string;

  @Column({ type: "integer" })
  position!: number;

  @Column({ type: "integer" })
  weight!: number;

  @Column({ name: "taken_at", type: "timestamptz" })
  takenAt!: Date;

  @Column({ name: "until_at", type: "timestamptz", nullable: true })
  untilAt!: Date | null;
}
