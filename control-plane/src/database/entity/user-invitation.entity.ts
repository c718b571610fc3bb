import { Column, Entity, PrimaryColumn } from "typeorm";

/** A link by which a user sets a password, once. */
@Entity("user_invitations")
export class UserInvitationEntity {
  @PrimaryColumn({ name: "token_sha256", type: "bytea" })
  tokenSha256!: Buffer;

  @Column({ name: "user_id", type: "uuid" })
  userId!: string;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;
}
