import { Column, Entity, PrimaryColumn } from "typeorm";

/** A link of the audit chain of a project. */
@Entity("audit_records")
export class AuditRecordEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "bigint" })
  seq!: string;

  @Column({ type: "timestamptz" })
  at!: Date;

  @Column({ type: "text" })
  actor!: string;

  @Column({ type: "text" })
  action!: string;

  @Column({ type: "text" })
  subject!: string;

  @Column({ type: "jsonb" })
  detail!: unknown;

  @Column({ name: "previous_sha256", type: "text" })
  previousSha256!: string;

  @Column({ type: "text" })
  sha256!: string;
}
