import { Column, Entity, PrimaryColumn } from "typeorm";

/** What came for a trigger, and what became of it. */
@Entity("trigger_deliveries")
export class TriggerDeliveryEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "workflow_id", type: "uuid" })
  workflowId!: string;

  @Column({ name: "trigger_id", type: "text" })
  triggerId!: string;

  @Column({ type: "text" })
  kind!: string;

  @Column({ type: "text", nullable: true })
  digest!: string | null;

  @Column({ type: "text", nullable: true })
  dedupe!: string | null;

  @Column({ name: "received_at", type: "timestamptz" })
  receivedAt!: Date;

  @Column({ type: "text", nullable: true })
  outcome!: string | null;

  @Column({ type: "text", nullable: true })
  detail!: string | null;

  @Column({ name: "run_id", type: "uuid", nullable: true })
  runId!: string | null;

  @Column({ type: "text", nullable: true })
  verification!: string | null;

  @Column({ type: "jsonb" })
  context!: unknown;

  @Column({ type: "bytea", nullable: true })
  body!: Buffer | null;

  @Column({ name: "replay_of", type: "uuid", nullable: true })
  replayOf!: string | null;
}
