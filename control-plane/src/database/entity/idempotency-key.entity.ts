import { Column, Entity, PrimaryColumn } from "typeorm";

/** A request that was answered, for 24 hours. */
@Entity("idempotency_keys")
export class IdempotencyKeyEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "text" })
  caller!: string;

  @PrimaryColumn({ type: "text" })
  key!: string;

  @Column({ name: "request_sha256", type: "text" })
  requestSha256!: string;

  @Column({ name: "run_id", type: "uuid", nullable: true })
  runId!: string | null;

  @Column({ type: "integer", nullable: true })
  status!: number | null;

  @Column({ type: "jsonb", nullable: true })
  response!: unknown;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
