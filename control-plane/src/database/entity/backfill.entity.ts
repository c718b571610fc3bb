import { Column, Entity, PrimaryColumn } from "typeorm";

/** Runs for a range of time or for values, a few at a time. */
@Entity("backfills")
export class BackfillEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @Column({ type: "text" })
  digest!: string;

  @Column({ type: "jsonb" })
  what!: unknown;

  @Column({ type: "jsonb", nullable: true })
  items!: unknown;

  @Column({ type: "jsonb" })
  inputs!: unknown;

  @Column({ type: "jsonb" })
  labels!: unknown;

  @Column({ name: "newest_first", type: "boolean" })
  newestFirst!: boolean;

  @Column({ name: "max_parallel", type: "integer" })
  maxParallel!: number;

  @Column({ name: "skip_existing", type: "boolean" })
  skipExisting!: boolean;

  @Column({ type: "integer" })
  total!: number;

  @Column({ type: "text" })
  state!: string;

  @Column({ type: "jsonb", nullable: true })
  pause!: unknown;

  @Column({ type: "bigint", nullable: true })
  cursor!: string | null;

  @Column({ type: "integer" })
  taken!: number;

  @Column({ type: "integer" })
  succeeded!: number;

  @Column({ type: "integer" })
  failed!: number;

  @Column({ type: "integer" })
  cancelled!: number;

  @Column({ type: "integer" })
  skipped!: number;

  @Column({ type: "text" })
  actor!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "ended_at", type: "timestamptz", nullable: true })
  endedAt!: Date | null;

  @Column({ name: "look_at", type: "timestamptz", nullable: true })
  lookAt!: Date | null;

  @Column({ name: "origin_id", type: "uuid", nullable: true })
  originId!: string | null;
}
