import { Column, Entity, PrimaryColumn } from "typeorm";

/** An enrolled agent: its key, its labels by who vouches for them, and its state. */
@Entity("agents")
export class AgentEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "pool_id", type: "uuid" })
  poolId!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ name: "key_thumbprint", type: "text" })
  keyThumbprint!: string;

  @Column({ name: "identity_key", type: "jsonb" })
  identityKey!: unknown;

  @Column({ name: "sealing_key", type: "jsonb", nullable: true })
  sealingKey!: unknown;

  @Column({ name: "labels_pinned", type: "jsonb" })
  labelsPinned!: unknown;

  @Column({ name: "labels_fact", type: "jsonb" })
  labelsFact!: unknown;

  @Column({ name: "labels_self", type: "jsonb" })
  labelsSelf!: unknown;

  @Column({ type: "text" })
  version!: string;

  @Column({ type: "text", nullable: true })
  fingerprint!: string | null;

  @Column({ type: "integer" })
  slots!: number;

  @Column({ type: "jsonb", nullable: true })
  resources!: unknown;

  @Column({ name: "allow_data", type: "jsonb", nullable: true })
  allowData!: unknown;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "seen_at", type: "timestamptz", nullable: true })
  seenAt!: Date | null;
}
