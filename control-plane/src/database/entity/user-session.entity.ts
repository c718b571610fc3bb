import { Column, Entity, PrimaryColumn } from "typeorm";

/** A sign-in; only the SHA-256 of its cookie is kept. */
@Entity("user_sessions")
export class UserSessionEntity {
  @PrimaryColumn({ name: "token_sha256", type: "bytea" })
  tokenSha256!: Buffer;

  @Column({ name: "user_id", type: "uuid" })
  userId!: string;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "seen_at", type: "timestamptz" })
  seenAt!: Date;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;

  @Column({ type: "text" })
  kind!: string;

  @Column({ name: "signed_in_at", type: "timestamptz" })
  signedInAt!: Date;
}
