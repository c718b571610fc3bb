import { Column, Entity, PrimaryColumn } from "typeorm";

/** A sign-in of the command line that a person confirms in a browser. */
@Entity("device_codes")
export class DeviceCodeEntity {
  @PrimaryColumn({ name: "device_sha256", type: "bytea" })
  deviceSha256!: Buffer;

  @Column({ name: "user_code", type: "text" })
  userCode!: string;

  @Column({ type: "text" })
  client!: string;

  @Column({ type: "text" })
  address!: string;

  @Column({ type: "text" })
  state!: string;

  @Column({ name: "user_id", type: "uuid", nullable: true })
  userId!: string | null;

  @Column({ name: "signed_in_at", type: "timestamptz", nullable: true })
  signedInAt!: Date | null;

  @Column({ name: "interval_seconds", type: "integer" })
  intervalSeconds!: number;

  @Column({ name: "asked_at", type: "timestamptz", nullable: true })
  askedAt!: Date | null;

  @Column({ name: "created_at", type: "timestamptz" })
  createdAt!: Date;

  @Column({ name: "expires_at", type: "timestamptz" })
  expiresAt!: Date;
}
