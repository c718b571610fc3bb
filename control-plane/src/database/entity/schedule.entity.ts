import { Column, Entity, PrimaryColumn } from "typeorm";

/** A schedule of a workflow's active version, with its next tick. */
@Entity("schedules")
export class ScheduleEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @PrimaryColumn({ name: "trigger_id", type: "text" })
  triggerId!: string;

  @Column({ type: "text" })
  digest!: string;

  @Column({ type: "text" })
  spec!: string;

  @Column({ name: "next_tick_at", type: "timestamptz", nullable: true })
  nextTickAt!: Date | null;

  @Column({ name: "due_at", type: "timestamptz", nullable: true })
  dueAt!: Date | null;

  @Column({ name: "last_tick_at", type: "timestamptz", nullable: true })
  lastTickAt!: Date | null;

  @Column({ name: "last_run_id", type: "uuid", nullable: true })
  lastRunId!: string | null;

  @Column({ type: "jsonb", nullable: true })
  pause!: unknown;
}
