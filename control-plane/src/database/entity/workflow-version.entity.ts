import { Column, Entity, PrimaryColumn } from "typeorm";

/** An immutable edition of a workflow, by the digest of its canonical text. */
@Entity("workflow_versions")
export class WorkflowVersionEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @PrimaryColumn({ type: "text" })
  digest!: string;

  @Column({ type: "integer" })
  number!: number;

  @Column({ type: "text" })
  canonical!: string;

  @Column({ type: "text" })
  source!: string;

  @Column({ name: "source_file", type: "text" })
  sourceFile!: string;

  @Column({ name: "bundle_sha256", type: "text", nullable: true })
  bundleSha256!: string | null;

  /** Digest of the deployed version; null for one that was deployed itself. */
  @Column({ name: "derived_from", type: "text", nullable: true })
  derivedFrom!: string | null;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "created_by", type: "text" })
  createdBy!: string;
}
