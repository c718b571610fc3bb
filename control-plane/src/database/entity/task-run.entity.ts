import { Column, Entity, PrimaryColumn } from "typeorm";

/** A task within one run, by its position in the plan. */
@Entity("task_runs")
export class TaskRunEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "run_id", type: "uuid" })
  runId!: string;

  @PrimaryColumn({ type: "integer" })
  position!: number;

  @Column({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  key!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ type: "bigint" })
  epoch!: string;

  @Column({ type: "integer" })
  attempts!: number;

  @Column({ type: "jsonb", nullable: true })
  counters!: unknown;

  @Column({ name: "attempt_id", type: "uuid", nullable: true })
  attemptId!: string | null;

  @Column({ name: "agent_id", type: "uuid", nullable: true })
  agentId!: string | null;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "queued_at", type: "timestamptz", nullable: true })
  queuedAt!: Date | null;

  @Column({ name: "started_at", type: "timestamptz", nullable: true })
  startedAt!: Date | null;

  @Column({ name: "ended_at", type: "timestamptz", nullable: true })
  endedAt!: Date | null;

  @Column({ name: "due_at", type: "timestamptz", nullable: true })
  dueAt!: Date | null;

  @Column({ type: "jsonb", nullable: true })
  outputs!: unknown;

  @Column({ type: "jsonb", nullable: true })
  failure!: unknown;

  @Column({ type: "jsonb", nullable: true })
  reason!: unknown;

  /** The list of a mapped task. */
  @Column({ type: "json", nullable: true })
  items!: unknown;
}
