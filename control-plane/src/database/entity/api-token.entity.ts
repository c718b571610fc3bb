import { Column, Entity, PrimaryColumn } from "typeorm";

/** An API token of a person or a service account, good for one project. */
@Entity("api_tokens")
export class ApiTokenEntity {
  @PrimaryColumn({ name: "project_id", type: "uuid" })
  projectId!: string;

  /** Public part of the token. */
  @PrimaryColumn({ type: "text" })
  id!: string;

  @Column({ name: "token_sha256", type: "bytea" })
  tokenSha256!: Buffer;

  @Column({ name: "user_id", type: "uuid" })
  userId!: string;

  @Column({ type: "text" })
  name!: string;

  @Column({ type: "text", array: true })
  scopes!: string[];

  @Column({ name: "created_by", type: "text" })
  createdBy!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;

  @Column({ name: "last_used_at", type: "timestamptz", nullable: true })
  lastUsedAt!: Date | null;

  @Column({ name: "revoked_at", type: "timestamptz", nullable: true })
  revokedAt!: Date | null;
}
