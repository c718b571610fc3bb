import { Column, Entity, PrimaryColumn } from "typeorm";

/** What deliveries of a webhook are verified with, sealed. */
@Entity("webhook_secrets")
export class WebhookSecretEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @Column({ name: "trigger_id", type: "text" })
  triggerId!: string;

  @Column({ type: "bytea" })
  sealed!: Buffer;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "created_by", type: "text" })
  createdBy!: string;

  @Column({ name: "expires_at", type: "timestamptz", nullable: true })
  expiresAt!: Date | null;
}
