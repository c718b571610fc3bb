import { Column, Entity, PrimaryColumn } from "typeorm";

/** A tick that became no run, and why. */
@Entity("schedule_misses")
export class ScheduleMissEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @PrimaryColumn({ name: "trigger_id", type: "text" })
  triggerId!: string;

  @PrimaryColumn({ name: "tick_at", type: "timestamptz" })
  tickAt!: Date;

  @Column({ type: "text" })
  reason!: string;

  @Column({ type: "text", nullable: true })
  detail!: string | null;

  @Column({ name: "recorded_at", type: "timestamptz" })
  recordedAt!: Date;
}
