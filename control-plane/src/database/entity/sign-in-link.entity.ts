import { Column, Entity, PrimaryColumn } from "typeorm";

/** A link that signs in once; only the SHA-256 of its token is kept. */
@Entity("sign_in_links")
export class SignInLinkEntity {
  @PrimaryColumn({ name: "token_sha256", type: "bytea" })
  tokenSha256!: Buffer;

  @Column({ name: "user_id", type: "uuid" })
  userId!: string;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;

  @Column({ name: "used_at", type: "timestamptz", nullable: true })
  usedAt!: Date | null;
}
