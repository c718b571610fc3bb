import { Column, Entity, PrimaryColumn } from "typeorm";

/** A sign-in that is under way in one browser. */
@Entity("sign_in_flows")
export class SignInFlowEntity {
  @PrimaryColumn({ name: "browser_sha256", type: "bytea" })
  browserSha256!: Buffer;

  @Column({ name: "return_to", type: "text" })
  returnTo!: string;

  @Column({ type: "boolean" })
  fresh!: boolean;

  @Column({ name: "started_at", type: "timestamptz" })
  startedAt!: Date;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;
}
