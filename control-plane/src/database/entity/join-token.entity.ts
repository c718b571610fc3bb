import { Column, Entity, PrimaryColumn } from "typeorm";

/** What lets agents enrol into a pool; the key derived from the secret, sealed, and never the secret. */
@Entity("join_tokens")
export class JoinTokenEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "public_id", type: "text" })
  publicId!: string;

  @Column({ name: "pool_id", type: "uuid" })
  poolId!: string;

  @Column({ name: "mac_key_encrypted", type: "bytea" })
  macKeyEncrypted!: Buffer;

  @Column({ name: "uses_max", type: "integer" })
  usesMax!: number;

  @Column({ type: "integer" })
  uses!: number;

  @Column({ type: "jsonb" })
  labels!: unknown;

  @Column({ type: "cidr", nullable: true })
  cidr!: string | null;

  @Column({ type: "boolean" })
  approve!: boolean;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;

  @Column({ name: "created_by", type: "text" })
  createdBy!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;
}
