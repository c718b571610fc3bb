import { Column, Entity, PrimaryColumn } from "typeorm";

/** One execution of one workflow version. */
@Entity("runs")
export class RunEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @Column({ name: "workflow_name", type: "text" })
  workflowName!: string;

  @Column({ type: "bigint" })
  number!: string;

  @Column({ type: "text" })
  digest!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ type: "integer" })
  version!: number;

  @Column({ name: "event_seq", type: "integer" })
  eventSeq!: number;

  @Column({ type: "smallint" })
  priority!: number;

  @Column({ type: "jsonb" })
  inputs!: unknown;

  @Column({ type: "jsonb" })
  labels!: unknown;

  @Column({ type: "jsonb" })
  trigger!: unknown;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "started_at", type: "timestamptz", nullable: true })
  startedAt!: Date | null;

  @Column({ name: "ended_at", type: "timestamptz", nullable: true })
  endedAt!: Date | null;

  @Column({ name: "deadline_at", type: "timestamptz", nullable: true })
  deadlineAt!: Date | null;

  @Column({ type: "jsonb", nullable: true })
  cancel!: unknown;

  @Column({ type: "jsonb", nullable: true })
  outputs!: unknown;

  @Column({ type: "jsonb", nullable: true })
  failure!: unknown;

  @Column({ type: "jsonb", nullable: true })
  pause!: unknown;

  @Column({ type: "jsonb", nullable: true })
  late!: unknown;

  @Column({ type: "jsonb", nullable: true })
  origin!: unknown;
}
