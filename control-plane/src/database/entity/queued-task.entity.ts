import { Column, Entity, PrimaryColumn } from "typeorm";

/** A task run that waits for an agent. */
@Entity("task_queue")
export class QueuedTaskEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "run_id", type: "uuid" })
  runId!: string;

  @PrimaryColumn({ type: "integer" })
  position!: number;

  @Column({ name: "lane_id", type: "uuid" })
  laneId!: string;

  @Column({ type: "smallint" })
  priority!: number;

  @Column({ type: "double precision" })
  pass!: number;

  @Column({ name: "lease_ms", type: "bigint" })
  leaseMs!: string;

  @Column({ name: "queued_at", type: "timestamptz" })
  queuedAt!: Date;

  @Column({ name: "taken_until", type: "timestamptz", nullable: true })
  takenUntil!: Date | null;

  @Column({ name: "avoid_agents", type: "uuid", array: true, nullable: true })
  avoidAgents!: string[] | null;

  @Column({ type: "smallint" })
  raised!: number;
}
