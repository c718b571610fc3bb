import { Column, Entity, PrimaryColumn } from "typeorm";

/** A workflow by name, with its active version and its last run number. */
@Entity("workflows")
export class WorkflowEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ name: "active_digest", type: "text", nullable: true })
  activeDigest!: string | null;

  @Column({ name: "last_run_number", type: "bigint" })
  lastRunNumber!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "retired_at", type: "timestamptz", nullable: true })
  retiredAt!: Date | null;

  @Column({ type: "jsonb", nullable: true })
  pause!: unknown;
}
